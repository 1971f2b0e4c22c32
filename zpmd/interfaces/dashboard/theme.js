// Light or dark, before anything is drawn: what was chosen here, else what the system says.
"use strict";
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("zpmd-theme");
  } catch {
    // a browser that keeps nothing: the system's choice holds
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
