// Light or dark? The system says, unless somebody chose. Loaded in the head, so that no page flashes in the other one.
(() => {
  "use strict";
  const KEY = "consent-relay-theme";
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const kept = () => {
    try {
      return localStorage.getItem(KEY) || "auto";
    } catch {
      return "auto"; // storage is off: the choice lasts as long as the page
    }
  };
  let theme = kept() in NEXT ? kept() : "auto";

  const apply = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  apply();

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-switch]");
    if (!button) return;
    const label = () => {
      button.textContent = { auto: "◐", light: "☀", dark: "☾" }[theme];
      button.setAttribute("aria-label", `Colours: ${theme}. Switch to ${NEXT[theme]}`);
      button.title = `Colours: ${theme}`;
    };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      theme = NEXT[theme];
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // as above
      }
      apply();
      label();
    });
  });
})();
