/** Dark, light, or as the device has it. */

import { byId } from "./dom.ts";

const THEMES = ["device", "light", "dark"] as const;
const KEY = "inkdigits-theme";

export function setUpTheme(onChange: () => void): void {
  const button = byId("theme");
  let theme = THEMES.find((each) => each === localStorage.getItem(KEY)) ?? "device";
  const apply = (): void => {
    document.documentElement.dataset["theme"] = theme;
    button.textContent = `Theme: ${theme}`;
  };
  button.onclick = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
    localStorage.setItem(KEY, theme);
    apply();
    onChange();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
  apply();
}
