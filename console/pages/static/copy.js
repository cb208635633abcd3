// A button that copies what stands beside it. Without a clipboard, the text is selected, ready for Ctrl-C.
(() => {
  "use strict";
  const select = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };

  document.addEventListener("DOMContentLoaded", () => {
    const told = document.querySelector("[data-copied]");
    for (const button of document.querySelectorAll("[data-copy]")) {
      const label = button.textContent;
      button.hidden = false;
      button.addEventListener("click", async () => {
        const source = document.getElementById(button.dataset.copy);
        let words = "Copied";
        try {
          await navigator.clipboard.writeText(source.textContent.trim());
        } catch {
          select(source); // no permission, or no https
          words = "Selected";
        }
        button.textContent = words;
        if (told) told.textContent = words === "Copied" ? "Copied to the clipboard." : "Selected: press Ctrl and C to copy.";
        setTimeout(() => {
          button.textContent = label;
        }, 2000);
      });
    }
  });
})();
