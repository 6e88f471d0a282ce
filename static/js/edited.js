// data-source: a field that was filled in from somewhere says when it is no longer what it was filled in with.
function mark(field) {
  const label = field.closest(".field")?.querySelector("[data-edited]");
  if (label) label.hidden = field.value.trim() === field.dataset.source.trim();
}

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-source]")) mark(event.target);
});
document.querySelectorAll("[data-source]").forEach(mark);
