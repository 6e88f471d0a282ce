// data-selected: how many rows are ticked, said where their operations are. The box in the head ticks all; Shift ticks
// a range.
const said = document.querySelector("[data-selected]");
const head = document.getElementById("pick-all");
const boxes = () => [...document.querySelectorAll(".rowcheck")];
let last;

function count() {
  const ticked = boxes().filter((box) => box.checked).length;
  if (said) said.textContent = `${ticked} selected`;
  if (!head) return;
  head.hidden = false;
  head.checked = ticked > 0 && ticked === boxes().length;
  head.indeterminate = ticked > 0 && !head.checked;
}

document.addEventListener("click", (event) => {
  if (!event.target.matches?.(".rowcheck")) return;
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((one, other) => one - other);
  if (event.shiftKey && from >= 0) for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
  last = event.target;
  count();
});
document.addEventListener("change", (event) => {
  if (event.target === head) for (const box of boxes()) box.checked = head.checked;
  count();
});
document.addEventListener("htmx:after:swap", count);
window.addEventListener("pageshow", count);
