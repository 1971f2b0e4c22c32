// A browser gives up what it is asking for when a network of its machine comes or goes, as one does for every container
// that starts on it. A page of which a part did not come would stay blank, so it is loaded once more by itself.
"use strict";
addEventListener("error", ({ target }) => {
  if (!(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
  if (performance.getEntriesByType("navigation")[0]?.type !== "reload") setTimeout(() => location.reload(), 500);
}, true);
