/** Dark, light, or as the device has it. */

import { byId } from "./dom.ts";

const THEMES = ["device", "light", "dark"] as const;
const KEY = "inkdigits-theme";

export function setUpTheme(onChange: () => void): void {
  const button = byId("theme");
  let theme = THEMES.find((each) => each === kept()) ?? "device";
  const apply = (): void => {
    document.documentElement.dataset["theme"] = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.onclick = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
    keep(theme);
    apply();
    onChange();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  apply();
}

// A browser may keep nothing for a page, and says so by an error.

function kept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function keep(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds until the page is loaded again.
  }
}
