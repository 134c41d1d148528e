# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Reading handwritten digits, from the data to a file that reads
#
# This notebook goes the whole way of a classic MNIST project with `inkdigits` and Keras: look at
# the data, build a small network, train it, find out how good it is, read new pictures with it,
# and export it to a file that needs neither Keras nor TensorFlow.
#
# Two questions go along the whole way, because most introductions leave them out:
#
# - **How good is it on people that it has never seen?** We validate on other writers, and score
#   the test set once, at the very end.
# - **Does it know when it does not know?** We compare what it claims with how often it is right,
#   and let it answer "not sure".
#
# The full run takes a few minutes on a laptop without a graphics card. To follow along:
# `pip install "inkdigits[notebook]"`.

# %% [markdown]
# ## 1. Set-up
#
# Three variables are set before Keras is imported: the backend, and two that keep TensorFlow from
# logging. Quick mode is for automated tests: a few drawn digits in the place of MNIST, two epochs.

# %%
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
QUICK = os.environ.get("INKDIGITS_NOTEBOOK") == "quick"

# %%
import io
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import PIL.Image
from IPython.display import Image, display
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import PercentFormatter

import inkdigits
from inkdigits.evaluation import charts
from inkdigits.evaluation.calibration import fit_dial, fit_temperature, softmax
from inkdigits.evaluation.metrics import measure, reliability

keras.utils.set_random_seed(0)  # weights, order of the batches: the same again next time
print(f"inkdigits {inkdigits.__version__}, Keras {keras.__version__} on {keras.backend.backend()}")
print(f"NumPy {np.__version__}, ONNX Runtime {onnxruntime.__version__}")
print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores")

# %% [markdown]
# All figures share one look. Blue and orange can be told apart with any colour vision, and ink is
# drawn dark on light.

# %%
BLUE, ORANGE, GREY = charts.LIGHT.right, charts.LIGHT.wrong, charts.LIGHT.muted
plt.rcParams |= {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": charts.LIGHT.rule,
    "axes.labelcolor": charts.LIGHT.text,
    "axes.titlesize": 10,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "image.cmap": "gray_r",
    "image.interpolation": "nearest",
}


def show_images(images, titles=None, columns=10, height=1.0, **options):
    """Lay pictures out in rows, each below its title."""
    rows = -(-len(images) // columns)
    height += 0.25 if titles else 0
    _, axes = plt.subplots(rows, columns, figsize=(9, height * rows), squeeze=False)
    for axis in axes.flat[len(images) :]:
        axis.axis("off")
    for axis, image, title in zip(axes.flat, images, titles or [""] * len(images), strict=False):
        axis.imshow(image, **options)
        axis.set_title(title, fontsize=9)
        axis.set(xticks=[], yticks=[], anchor="N")
        axis.spines[:].set_visible(True)
    plt.show()


def show_photo(pixels, width=640):
    """Show a photo as JPEG, which is a tenth of the size of PNG."""
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=88)
    display(Image(file.getvalue(), width=width))


# %% [markdown]
# ## 2. Load, check and prepare the data
#
# MNIST holds 70,000 digits of 28×28 pixels, written by American high-school students and employees
# of the Census Bureau: 60,000 to learn from and 10,000 to be tested on. `load_mnist` looks in the
# folder that `INKDIGITS_DATA_DIR` names, then in its cache, and otherwise downloads the files.
# Every file is compared with its SHA-256, so a damaged download cannot go unnoticed.

# %%
from inkdigits.data import load
from inkdigits.data.mnist import load_mnist

data = load("synthetic", "train", count=2_000) if QUICK else load_mnist("train", download=True)

for name, digest in data.hashes.items():
    print(f"{name:26} SHA-256 {digest[:16]}…")

# %% [markdown]
# A hash says that the file is the right one. Before learning from data, look at the numbers as
# well: their shape, their range, and whether anything is missing.

# %%
print(
    "images ",
    data.images.shape,
    data.images.dtype,
    "from",
    data.images.min(),
    "to",
    data.images.max(),
)
print("labels ", data.labels.shape, data.labels.dtype, "classes", np.unique(data.labels).tolist())
print("empty  ", int((~data.images.any(axis=(1, 2))).sum()), "images without ink")
print("writers", "not known" if data.writers is None else len(np.unique(data.writers)))

# %% [markdown]
# **Keep some writers aside.** We need images to compare ideas on that the network does not learn
# from. If they were drawn at random, the same hand would stand on both sides, and the figures
# would flatter. So whole writers are kept aside for validation, without the two of their images
# whose label is known to be wrong. The test set is not even loaded yet.

# %%
from inkdigits.data.splits import split_validation

split = split_validation(data, share=0.1, seed=0)
training, validation = data.take(split.train), data.take(split.validation)
if validation.disputed is not None:
    validation = validation.take(~validation.disputed)
print(f"{len(training):,} images for training, {len(validation):,} for validation.")
print(split.note)

# %% [markdown]
# **Prepare.** A network learns best from small numbers, so the grey values 0 to 255 become *ink*
# from 0 (paper) to 1 (stroke). For MNIST this is all.

# %%
from inkdigits.training.examples import as_ink

training_ink = as_ink(training.images)  # (n, 28, 28) float32 in [0, 1]
validation_ink = as_ink(validation.images)
print(training_ink.shape, training_ink.dtype, training_ink.min(), training_ink.max())

# %% [markdown]
# ## 3. Look at samples
#
# A row for each class. Look for what makes the task hard: slant, pen width, open and closed fours,
# ones that are only a line.

# %%
rng = np.random.default_rng(0)
rows = [rng.choice(np.flatnonzero(training.labels == digit), 14) for digit in range(10)]
sheet = np.vstack([np.hstack(training.images[row]) for row in rows])  # (10 · 28, 14 · 28)

plt.figure(figsize=(8, 5.7))
plt.imshow(sheet)
plt.axis("off")
plt.show()

# %% [markdown]
# **Are the classes balanced?** Nearly. If one class were rare, accuracy would hide how badly it is
# read.

# %%
counts = np.bincount(training.labels, minlength=10)

figure, axes = plt.subplots(figsize=(8, 2.4))
axes.bar(range(10), counts, color=BLUE, width=0.7)
axes.axhline(counts.mean(), color=GREY, linewidth=1, linestyle="--")
axes.text(9.45, counts.mean() * 1.02, "even share", ha="right", color=GREY, fontsize=9)
axes.set(xlabel="class", ylabel="training images", xticks=range(10), xlim=(-0.5, 9.5))
plt.show()

# %% [markdown]
# **The mean digit.** The average image of each class. Where it is sharp, people agree; where it is
# blurred, they differ. The clear frame also shows that every digit of MNIST was brought to the
# same size and place. That will matter in section 7.

# %%
means = [training_ink[training.labels == digit].mean(axis=0) for digit in range(10)]
show_images(means, titles=list("0123456789"), vmin=0, vmax=1)

# %% [markdown]
# ## 4. Build the network
#
# The classic one: 784 inputs, one hidden layer of 128 units, 10 outputs.
#
# | layer | output | weights |
# |---|---|---|
# | `Input` | (n, 28, 28) | none |
# | `Flatten` | (n, 784) | none |
# | `Dense(128, relu)` | (n, 128) | 784 · 128 + 128 = 100,480 |
# | `Dense(10)` | (n, 10) | 128 · 10 + 10 = 1,290 |
#
# - **Input**: images of ink; *n* of them are processed at once, as a batch.
# - **Flatten** lays the 28 rows of an image end to end. It has no weights, and it forgets which
#   pixels are neighbours.
# - **Dense, 128 units**: each unit multiplies the 784 pixels by weights of its own, adds them up,
#   and adds a bias. ReLU keeps the sum where it is positive and makes it 0 elsewhere.
# - **Dense, 10 outputs**: each class adds up what the 128 units found, again with weights of its
#   own.
#
# Why like this?
#
# - **Why a hidden layer?** Without it the network could only add up pixels, and "ink here counts
#   for a 7" would hold whatever else is in the picture. A unit can stand for a combination.
# - **Why ReLU?** Two layers that only add are together one layer that only adds. The bend at 0
#   makes the second layer worth having, and costs next to nothing.
# - **Why 128?** A compromise: 32 units read noticeably worse, 512 are four times the work for a
#   little more.
# - **Why no softmax at the end?** The outputs are *logits*: any real numbers, the largest wins.
#   Softmax turns them into *probabilities*. We leave it out of the network because the loss is
#   computed more exactly from logits, and because calibration (section 6) works on logits.

# %%
network = keras.Sequential(
    [
        keras.Input((28, 28), name="glyph"),
        keras.layers.Flatten(),  # (n, 784)
        keras.layers.Dense(128, activation="relu", name="hidden"),  # (n, 128)
        keras.layers.Dense(10, name="logits"),  # (n, 10)
    ],
    name="mlp",
)
network.summary()

# %% [markdown]
# The library has the same network under the name `mlp`, beside a better one with convolutions.

# %%
from inkdigits.models.zoo import NETWORKS, build_network, multiply_adds

for name in NETWORKS:
    model = build_network(name)
    print(
        f"{name:8} {model.count_params():>8,} parameters {multiply_adds(model):>10,} multiply-adds"
    )

# %% [markdown]
# A fresh network knows nothing, and that can be checked: it is right about once in ten, and its
# loss is near −ln(1/10) = 2.30, that of somebody who guesses. Were it far from there, something
# would be wrong before training began.

# %%
logits = network.predict(validation_ink, batch_size=500, verbose=0)  # (n, 10)
guesses = measure(softmax(logits), validation.labels)
print(f"accuracy {guesses.accuracy:.1%}, loss {guesses.loss:.2f}")

# %% [markdown]
# ## 5. Train
#
# - **Loss.** Cross-entropy: minus the logarithm of the probability that the true class was given.
#   Being sure and wrong costs most.
# - **Optimiser.** Adam takes a small step down the slope of the loss after each batch of 128
#   images. The steps get smaller along a cosine, so that the network settles at the end.
# - **Epoch.** One pass over all training images. After each one the network is scored on the
#   validation writers.

# %%
EPOCHS, BATCH_SIZE = (2, 64) if QUICK else (15, 128)
num_steps = EPOCHS * -(-len(training) // BATCH_SIZE)
network.compile(
    optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, num_steps)),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)

# %% [markdown]
# A callback is how one looks over a network's shoulder while it learns. This one draws the curves
# again after each epoch.


# %%
class LiveCurves(keras.callbacks.Callback):
    """Loss and accuracy so far, drawn again after each epoch."""

    def on_train_begin(self, logs=None):
        self.rows = []
        self.figure, self.axes = plt.subplots(1, 2, figsize=(9, 3))
        plt.close(self.figure)  # it is shown by the handle, and only there
        self.handle = display(self.figure, display_id=True)

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append(logs)
        epochs = range(1, len(self.rows) + 1)
        for axes, name in zip(self.axes, ("loss", "accuracy"), strict=True):
            axes.clear()
            axes.plot(epochs, [row[name] for row in self.rows], ".--", color=GREY, label="training")
            axes.plot(
                epochs,
                [row[f"val_{name}"] for row in self.rows],
                ".-",
                color=BLUE,
                label="validation",
            )
            axes.set(xlabel="epoch", ylabel=name, xlim=(0.5, self.params["epochs"] + 0.5))
        self.axes[0].set_ylim(bottom=0)
        self.axes[0].legend()
        self.handle.update(self.figure)


history = network.fit(
    training_ink,
    training.labels,
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    validation_data=(validation_ink, validation.labels),
    callbacks=[LiveCurves()],
    verbose=0,
)

# %% [markdown]
# Read the two curves together. The training loss goes on falling towards 0: the network begins to
# know its training images by heart. The validation loss stops falling some epochs earlier. The gap
# between the two is *overfitting*. The validation curve is the one that counts.

# %% [markdown]
# **What has the hidden layer learned?** The 784 weights of a unit are an image too. Blue is where
# ink excites the unit, orange where ink silences it. Some look like strokes and arcs; most are no
# shapes that a person would name.

# %%
weights = network.get_layer("hidden").kernel.numpy().T.reshape(-1, 28, 28)  # (128, 28, 28)
strongest = np.argsort(-np.abs(weights).sum(axis=(1, 2)))[:10]
limit = np.quantile(np.abs(weights[strongest]), 0.995)
colours = LinearSegmentedColormap.from_list("weights", [ORANGE, "white", BLUE])
show_images(weights[strongest], cmap=colours, vmin=-limit, vmax=limit)

# %% [markdown]
# ## 6. Evaluate
#
# On the validation writers. `measure` gives every figure that `inkdigits evaluate` prints. The
# interval says how far chance alone may move the accuracy with this many images.

# %%
logits = network.predict(validation_ink, batch_size=500, verbose=0)  # (n, 10)
probabilities = softmax(logits)  # (n, 10), each row sums to 1
metrics = measure(probabilities, validation.labels)

low, high = metrics.accuracy_interval
print(f"{metrics.correct:,} of {metrics.count:,} right")
print(f"accuracy {metrics.accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}")
print(f"loss     {metrics.loss:.4f}")

# %% [markdown]
# **What is taken for what?** A row is the true digit, a column what was read. Everything beside
# the diagonal is an error.

# %%
display(Image(charts.confusion(metrics.confusion, charts.LIGHT), width=520))

# %% [markdown]
# **The worst errors**: those to whose true class the network gave the least probability. Some no
# person could read. Others anybody can, and the network is still sure of the wrong answer.

# %%
read = probabilities.argmax(axis=1)
of_truth = probabilities[np.arange(len(validation)), validation.labels]
wrong = np.flatnonzero(read != validation.labels)
worst = wrong[np.argsort(of_truth[wrong])][:16]
errors = [
    charts.Misread(validation_ink[i], validation.labels[i], read[i], probabilities[i].max())
    for i in worst
]
display(Image(charts.worst(errors, charts.LIGHT), width=760))

# %% [markdown]
# **Is it as sure as it should be?** Of all digits that are given 90 %, 90 % should be right. A
# network that keeps that promise is *calibrated*. One that trained until it knew its images by
# heart is usually too sure: its points lie below the diagonal.
#
# The cure is one number. Dividing all logits by a *temperature* above 1 makes every probability
# less sure and changes no answer. It is chosen so that the probabilities fit the validation labels
# best. The expected calibration error (ECE) is the mean distance from the diagonal, each digit
# counting once. Nearly all digits lie in the last point; those below 50 % rest on a few, and
# scatter by chance.

# %%
temperature = fit_temperature(logits, validation.labels)
calibrated = softmax(logits, temperature)

figure, axes = plt.subplots(figsize=(4.6, 4.2))
axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
for name, rows, colour, mark in (
    ("as trained", probabilities, ORANGE, "s"),
    (f"temperature {temperature:.2f}", calibrated, BLUE, "o"),
):
    bins = reliability(rows, validation.labels, num_bins=10)
    ece = measure(rows, validation.labels).ece
    axes.plot(bins.confidence, bins.accuracy, mark, color=colour, label=f"{name}: ECE {ece:.2%}")
axes.set(xlabel="confidence", ylabel="share that was right", xlim=(0, 1.02), ylim=(0, 1.02))
axes.xaxis.set_major_formatter(PercentFormatter(1))
axes.yaxis.set_major_formatter(PercentFormatter(1))
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# **From confidence to a promise.** The dial turns calibrated confidence into something that one
# can work with: "at most 1 % errors among what you answer; leave the rest to me". It finds the
# lowest threshold that keeps the promise with a probability of 95 %, and says what share is
# answered. (To be strict, the dial wants digits on which nothing else was fitted. Here it shares
# them with the temperature, a single number fitted on thousands of digits.)

# %%
is_right = calibrated.argmax(axis=1) == validation.labels
dial = fit_dial(calibrated.max(axis=1), is_right)
for setting in dial:
    print(f"at most {setting.max_error:5.1%} errors: answers {setting.share_answered:6.1%}")

# %% [markdown]
# ## 7. Read new pictures
#
# ### Why "98 %" fails on your picture
#
# MNIST's digits all have one size, one place and one polarity. The network has seen nothing else.
# We change 1,000 validation images as any camera might, and read them again: first as most
# tutorials do (scale the whole picture to 28×28), then with two steps before the network:
#
# 1. **Ink** (`inkdigits.imaging.ink`): takes the paper away and settles what is ink and what is
#    paper.
# 2. **The canonicaliser** (`Canonical`, a Keras layer): finds the box around the ink, scales its
#    longer side to 20 pixels and puts the centre of mass into the middle of 28×28, as MNIST was
#    made.
#
# The canonicaliser is a layer of the model. Wherever the model goes, it goes along: it cannot be
# forgotten, or be written again slightly differently.

# %%
from inkdigits.imaging.ink import digits_ink
from inkdigits.models.zoo import reading_model

model = reading_model(network)  # ink (n, H, W) → glyph (n, 28, 28) and logits (n, 10)
model.summary()

# %%
digits, labels = validation.images[:1_000], validation.labels[:1_000]
pictures = {
    "as they are": digits,  # (n, 28, 28) uint8
    "a little off centre": np.pad(digits, ((0, 0), (8, 0), (8, 0))),  # (n, 36, 36)
    "half the size": np.pad(digits, ((0, 0), (14, 14), (14, 14))),  # (n, 56, 56)
    "in a corner": np.pad(digits, ((0, 0), (0, 28), (28, 0))),
    "dark on light": 255 - digits,
}
shrunk = {
    name: keras.ops.image.resize(as_ink(images)[..., None], (28, 28), antialias=True)[..., 0]
    for name, images in pictures.items()
}  # (n, 28, 28) each

# %%
plain, robust = {}, {}
for name, images in pictures.items():
    plain[name] = (np.argmax(network(shrunk[name]), axis=1) == labels).mean()
    answers = model(digits_ink(images))  # {"glyph": (n, 28, 28), "logits": (n, 10)}
    robust[name] = (np.argmax(answers["logits"], axis=1) == labels).mean()

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(1, 11), sharey=True)
places = np.arange(len(pictures))
example = np.flatnonzero(labels == 5)[0]
for place, name in enumerate(pictures):
    box = (0, 0.8, place + 0.4, place - 0.4)  # left, right, bottom, top
    left.imshow(shrunk[name][example], extent=box, vmin=0, vmax=1)
    left.add_patch(plt.Rectangle((0, place - 0.4), 0.8, 0.8, fill=False, edgecolor=GREY))
left.set(xlim=(-0.02, 0.82), ylim=(4.5, -0.5), aspect="equal", xticks=[])
left.spines[:].set_visible(False)
left.tick_params(length=0, labelleft=False)
for offset, shares, colour, name in (
    (-0.19, plain, ORANGE, "scaled to 28×28"),
    (0.19, robust, BLUE, "ink and canonicaliser"),
):
    bars = right.barh(places + offset, shares.values(), 0.34, color=colour, label=name)
    right.bar_label(bars, [f"{share:.1%}" for share in shares.values()], padding=3, fontsize=9)
right.set(xlim=(0, 1.12), xlabel="read rightly")
right.set_yticks(places, list(pictures), color=charts.LIGHT.text)
right.tick_params(length=0, labelleft=True)
right.xaxis.set_major_formatter(PercentFormatter(1))
right.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2)
plt.show()

# %% [markdown]
# Nothing was trained again. The network is the same; it only sees what it learned to see.

# %% [markdown]
# ### A picture of your own, step by step
#
# Name a photo or scan here to go through the steps with it. Without one we make a picture: digits
# that `inkdigits.synthesis` draws, of several sizes, in blue ink on yellowish paper, under a lamp
# that stands to the left, with a camera's noise.

# %%
from inkdigits.imaging.decode import decode
from inkdigits.synthesis import draw_digit

MY_PICTURE = None  # or "photo.jpg"

rng = np.random.default_rng(4)
strokes = np.zeros((300, 640), np.float32)  # 1 is ink
for digit, x, y, side_px in (
    (4, 20, 20, 130), (0, 150, 25, 110), (7, 270, 30, 120), (1, 390, 25, 110), (6, 490, 15, 130),
    (2, 60, 180, 80), (8, 160, 165, 100), (5, 280, 180, 75), (3, 370, 160, 110), (9, 490, 170, 100),
):  # fmt: skip
    strokes[y : y + side_px, x : x + side_px] += draw_digit(digit, rng, side_px)
strokes = strokes.clip(0, 1)[..., None]
lamp = np.linspace(1, 0.55, strokes.shape[1])[:, None]  # dimmer to the right
photo = ((1 - strokes) * (246, 236, 212) + strokes * (58, 74, 140)) * lamp  # (H, W, 3)
photo = (photo + rng.normal(0, 4, photo.shape)).clip(0, 255).astype(np.uint8)

# %% [markdown]
# **Step 1: the picture.** `decode` takes a path, bytes, an array or a Pillow image, and gives
# pixels. It turns photos upright, puts transparent ones on white, and refuses what is no image
# with a clear message.

# %%
picture = decode(photo if MY_PICTURE is None else MY_PICTURE)  # (H, W) or (H, W, 3) uint8
show_photo(picture)

# %% [markdown]
# **Step 2: the ink.** `page_ink` estimates the paper behind the writing, lamp and all, and keeps
# what is darker than it. Soft edges stay soft: nothing is made black or white. Had the writing
# been light on dark, the ink would look the same. `by_rules` takes away what was printed: ruling,
# squares, the walls of boxes. (The bundle that ships has a network for it, the stroke finder.)

# %%
from inkdigits.imaging.ink import page_ink
from inkdigits.imaging.strokes import by_rules

ink = page_ink(picture, by_rules)  # (h, w) float32 in [0, 1], 1 is ink

plt.figure(figsize=(8, 3.9))
plt.imshow(ink, vmin=0, vmax=1)
plt.axis("off")
plt.show()

# %% [markdown]
# **Step 3: the segments.** `find_lines` looks for connected strokes, puts those together that
# belong to one digit, and orders the digits in lines. The number is the place in reading order.

# %%
from inkdigits.imaging.segment import find_lines

segments = [segment for line in find_lines(ink) for segment in line]

figure, axes = plt.subplots(figsize=(8, 3.9))
axes.imshow(ink, vmin=0, vmax=1)
for number, (box, _) in enumerate(segments, start=1):
    axes.add_patch(
        plt.Rectangle(box[:2], box.width, box.height, fill=False, edgecolor=BLUE, linewidth=1.5)
    )
    axes.text(box.x, box.y - 4, number, color=BLUE)
axes.axis("off")
plt.show()

# %% [markdown]
# **Step 4: the glyphs.** The canonicaliser makes the same 28×28 of each segment, however large it
# was. Above, the segments as they were found; below, what the network sees.

# %%
canonical = model.get_layer("canonical")
glyphs = np.concatenate([canonical(segment.ink[None]) for segment in segments])  # (n, 28, 28)
sizes = [f"{segment.box.width}×{segment.box.height}" for segment in segments[:10]]
show_images([segment.ink for segment in segments[:10]], titles=sizes, vmin=0, vmax=1)
show_images(glyphs[:10], titles=["28×28"] * len(sizes), vmin=0, vmax=1)

# %% [markdown]
# **Step 5: logits, then probabilities.** The network gives ten logits for each glyph. Divided by
# the temperature and put through softmax, they are probabilities that may be taken at their word,
# for digits like MNIST's.

# %%
logits = network(glyphs)  # (n, 10)
probabilities = softmax(logits, temperature)  # (n, 10)
read = probabilities.argmax(axis=1)  # (n,)

figure, axes = plt.subplots(figsize=(7.5, 3.6))
axes.imshow(probabilities[:10].T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
for column, row in enumerate(read[:10]):
    share = probabilities[column, row]
    colour = "white" if share > 0.5 else charts.LIGHT.text
    axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=9)
axes.set(xlabel="segment", ylabel="class", yticks=range(10), xticks=range(len(read[:10])))
axes.set_xticklabels(range(1, len(read[:10]) + 1))
plt.show()
print("Read:", *read)

# %% [markdown]
# ### The same in one call
#
# `Reader` does all of this, with the model that ships with the library: a small convolutional
# network, trained with augmentation. It needs no Keras. `look` keeps the pictures of the steps;
# `read` gives the page alone.

# %%
from inkdigits import Reader
from inkdigits.imaging.draw import draw_page

reader = Reader()  # the shipped model; at most 0.2 % errors among what has the status "ok"
look = reader.look(picture)
show_photo(draw_page(look.picture, look.page))
print(look.page.text)

# %% [markdown]
# The five digits of which it is least sure, each with what else it could be. A dash: nothing else
# has a probability of 0.1 % or more.

# %%
for digit in sorted(look.page.digits, key=lambda digit: digit.confidence)[:5]:
    others = ", ".join(f"{other.value} {other.confidence:.1%}" for other in digit.alternatives)
    print(f"{digit.value}  {digit.confidence:6.1%}  {digit.status:6}  or: {others or '–'}")

# %% [markdown]
# ### What is no digit
#
# A classifier of ten classes must name one of ten, whatever it is shown. What remains honest is
# the *status*:
#
# - `ok`: sure enough for the dial's promise;
# - `review`: looks like a digit, but a person should look;
# - `reject`: no digit, as far as it knows, so it is left out of the text;
# - `blank`: no ink.
#
# We show a seven, a star, three letters, a scribble and empty paper to both: our network without
# calibration or threshold, and the reader.

# %%
paper = np.full((160, 160), 255, np.uint8)
angles = np.arange(5) * 4 * np.pi / 5 - np.pi / 2
star = (80 + 62 * np.c_[np.cos(angles), np.sin(angles)]).astype(np.int32)  # (5, 2)
scribble = np.random.default_rng(2).integers(20, 140, (9, 2), dtype=np.int32)
drawn = [
    np.uint8(255 - 255 * draw_digit(7, np.random.default_rng(1), 160)),
    cv2.polylines(paper.copy(), [star], True, 0, 9, cv2.LINE_AA),
    *(
        cv2.putText(
            paper.copy(), letter, (25, 130), cv2.FONT_HERSHEY_SIMPLEX, 5, 0, 14, cv2.LINE_AA
        )
        for letter in "AKW"
    ),
    cv2.polylines(paper.copy(), [scribble], False, 0, 7, cv2.LINE_AA),
    paper,
]
claims = softmax(model(digits_ink(np.stack(drawn)))["logits"])  # (7, 10)
answers = reader.read_digits(drawn)
titles = [
    f"network: {claim.argmax()}, {claim.max():.0%}\nreader: {answer.value or '–'}, {answer.status}"
    for claim, answer in zip(claims, answers, strict=True)
]
show_images(drawn, titles, columns=4, height=2.0, cmap="gray", vmin=0, vmax=255)

# %% [markdown]
# The network names a digit each time, often with certainty, and even empty paper gets one. The
# shipped network has an eleventh output, and was shown what is no digit; so the reader rejects most
# of this. It still knows only what it was shown: the promise of the dial is for digits, and a
# letter that is written like one, such as O or S, passes as `ok`.

# %% [markdown]
# ## 8. Save, load again, export
#
# **Keras.** A `.keras` file holds structure and weights. Loaded again, the model says the same.
# The folder is a temporary one; name your own to keep what is written.

# %%
folder = Path(tempfile.mkdtemp(prefix="inkdigits-"))
model.save(folder / "mnist.keras")
loaded = keras.saving.load_model(folder / "mnist.keras")

before, after = (each(validation_ink[:100])["logits"].numpy() for each in (model, loaded))
print("largest difference of a logit:", np.abs(before - after).max())

# %% [markdown]
# **ONNX**, a format that many runtimes read, without Keras. `export` loads what it wrote with ONNX
# Runtime and compares it with Keras on 1,000 images. A file that disagrees is not written. The
# height and width of the ink stay free, because the canonicaliser is inside.

# %%
from inkdigits.export import export

parity = export(
    model,
    "onnx",
    folder / "mnist.onnx",
    ink=validation_ink,
    labels=validation.labels,
    facts={},
)
print(parity)

# %%
session = onnxruntime.InferenceSession(folder / "mnist.onnx")
for value in (*session.get_inputs(), *session.get_outputs()):
    print(f"{value.name:6} {value.shape}")
logits = session.run(["logits"], {"ink": segments[0].ink[None]})[0]  # (1, 10)
print("The first segment is read as", logits.argmax())

# %% [markdown]
# **A bundle**, one file from which `Reader` reads: the ONNX graph with the canonicaliser, the
# temperature, the dial, and what it was made from. Calibration belongs to the model as it is
# exported, so temperature and dial are fitted again, with the canonicaliser in front.

# %%
logits = model(validation_ink)["logits"].numpy()  # (n, 10)
temperature = fit_temperature(logits, validation.labels)
calibrated = softmax(logits, temperature)
dial = fit_dial(calibrated.max(axis=1), calibrated.argmax(axis=1) == validation.labels)

# %%
facts = {
    "name": "mlp from the notebook",
    "calibration": {"temperature": temperature, "dial": [vars(setting) for setting in dial]},
    "training": {"epochs": EPOCHS, "split": split.note},
    "attribution": ["MNIST, Y. LeCun and C. Cortes, CC BY-SA 3.0"],
}
parity = export(
    model,
    "bundle",
    folder / "mnist.digits",
    ink=validation_ink,
    labels=validation.labels,
    facts=facts,
)
for path in sorted(folder.iterdir()):
    print(f"{path.name:13} {path.stat().st_size / 1024:6.0f} KB")

# %% [markdown]
# Another Python, in which neither Keras nor TensorFlow is ever imported, reads a page with it:

# %%
from inkdigits.imaging.draw import save_png

save_png(folder / "page.png", picture)
program = """
import sys
from inkdigits import Reader

print(Reader("mnist.digits").read("page.png").text)
print("TensorFlow was imported:", "tensorflow" in sys.modules)
"""
done = subprocess.run(
    [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
)
print(done.stdout)

# %% [markdown]
# ## 9. The test set, once
#
# Everything is decided now: network, epochs, temperature, dial. So the test set may answer its one
# question: how good is it on digits that played no part in any decision? Looking more often, and
# keeping what scores best, would turn it into a second validation set.
#
# What is scored is the exported file, read with ONNX Runtime, because that is what others will
# use.

# %%
test = load("synthetic", "test", count=1_000) if QUICK else load_mnist("test")
mine = Reader(folder / "mnist.digits", max_error=0.01)
outputs, _, _ = mine.outputs(test.images)  # of the graph
metrics = measure(softmax(outputs.logits, mine.rule.temperature), test.labels)

low, high = metrics.accuracy_interval
print(f"{metrics.correct:,} of {metrics.count:,} right")
print(f"accuracy {metrics.accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}")
print(f"loss {metrics.loss:.4f}, calibration error {metrics.ece:.2%}")

# %% [markdown]
# And the dial, at "at most 1 % errors": is the promise kept on people that it was not fitted on?

# %%
answers = mine.read_digits(test.images)
is_ok = np.array([answer.status == "ok" for answer in answers])
is_right = np.array([answer.value for answer in answers]) == test.labels.astype(str)
print(f"answered {is_ok.mean():.1%} of the digits,")
print(f"of which {(~is_right & is_ok).sum() / max(is_ok.sum(), 1):.2%} were wrong")
print(f"of the rest, {(~is_right & ~is_ok).sum() / max((~is_ok).sum(), 1):.1%} would have been")

# %% [markdown]
# ## 10. Where to go next
#
# The same way, without a notebook:
#
# ```
# inkdigits train --model mlp --out runs/mlp         # Ctrl-C stops, --resume goes on
# inkdigits train --model convnet --out runs/mine    # with augmentation: far fewer errors
# inkdigits evaluate runs/mine --report report       # the figures above as one HTML page
# inkdigits export runs/mine --to bundle --out mine.digits
# inkdigits read photo.jpg --show out                # what was read, and what the network saw
# ```
#
# Things to try here:
#
# - Change the 128 hidden units to 32 or 512, and compare on the validation writers.
# - Set `MY_PICTURE` to a photo of your own writing, and go through the steps of section 7.
# - Train on your own digits: a folder with sub-folders `0` to `9`, loaded by
#   `load("my-digits", "train")`.
# - Put augmentation in front of the network with `inkdigits.models.zoo.training_model`, and see
#   the gap between the two curves close.
#
# `docs/architecture.md` says how the library is built, and `docs/cli.md` lists every option.
