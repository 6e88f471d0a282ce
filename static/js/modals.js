// data-modal: a dialog that arrives in the page opens as a modal; data-close closes it; a closed one leaves the page.
function open() {
  for (const dialog of document.querySelectorAll("dialog[data-modal]:not([open])")) {
    dialog.addEventListener("close", () => dialog.remove());
    dialog.showModal();
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-close]")) event.target.closest("dialog")?.close();
});
document.addEventListener("htmx:after:swap", open);
