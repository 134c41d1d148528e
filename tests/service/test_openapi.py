"""The OpenAPI document says what is so: checked by Schemathesis, and by its own examples."""

import itertools
import json
from contextlib import nullcontext, suppress

import hypothesis
import jsonschema
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]


@pytest.mark.slow
def test_whatever_comes_the_answer_is_one_that_was_promised(client):
    described = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) == 14

    for operation, mode in itertools.product(operations, schemathesis.GenerationMode):

        @hypothesis.settings(
            max_examples=15, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            case.call_and_validate(checks=CHECKS)

        # An operation that takes nothing cannot be asked wrongly.
        with nullcontext() if mode.is_positive else suppress(hypothesis.errors.Unsatisfiable):
            ask()


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json()


def _operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def _examples(media):
    if "example" in media:
        yield media["example"]
    for example in media.get("examples", {}).values():
        yield example["value"]


def test_every_operation_is_described_with_examples(document):
    for name, operation in _operations(document):
        assert operation["summary"]
        assert operation["description"], name
        assert operation["operationId"], name
        for status, response in operation["responses"].items():
            assert response["description"], (name, status)
            shown = [
                example
                for media in response.get("content", {}).values()
                for example in _examples(media)
            ]
            assert shown or status == "503", (name, status)


def test_every_example_is_of_its_schema(document):
    for name, operation in _operations(document):
        contents = [response.get("content", {}) for response in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for media in content.values():
                schema = {**media.get("schema", {}), "components": document["components"]}
                for example in _examples(media):
                    jsonschema.Draft202012Validator(schema).validate(example), name


def test_the_examples_of_requests_are_answered(client, document):
    asked = 0
    for name, operation in _operations(document):
        method, path = name.split()
        for kind, media in operation.get("requestBody", {}).get("content", {}).items():
            for example in _examples(media):
                path = path.format(name="inkdigits-shipped", version="1")
                answer = client.request(
                    method, path, content=json.dumps(example), headers={"content-type": kind}
                )
                assert answer.status_code == 200, (name, answer.text)
                asked += 1
    assert asked == 3
