// data-suggest: a field whose suggestions arrive in the list it controls. Arrows walk them, Enter or a click takes one.
const field = document.querySelector("[data-suggest]");
const list = () => document.getElementById(field.getAttribute("aria-controls"));
const options = () => [...(list()?.querySelectorAll("[data-text]") ?? [])];
let chosen = -1;

function mark(place) {
  const all = options();
  chosen = all.length ? (place + all.length) % all.length : -1;
  all.forEach((option, number) => option.setAttribute("aria-selected", String(number === chosen)));
  all[chosen]?.scrollIntoView({ block: "nearest" });
}

function hide() {
  chosen = -1;
  if (list()) list().hidden = true;
}

function take(option) {
  field.value = option.dataset.text;
  field.focus();
  hide();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

field?.addEventListener("keydown", (event) => {
  if (!list() || list().hidden) return;
  if (event.key === "ArrowDown") mark(chosen + 1);
  else if (event.key === "ArrowUp") mark(chosen < 0 ? chosen : chosen - 1);
  else if (event.key === "Enter" && chosen >= 0) take(options()[chosen]);
  else if (event.key === "Escape") hide();
  else return;
  event.preventDefault();
});
document.addEventListener("htmx:after:swap", () => {
  chosen = -1;
  if (list() && document.activeElement !== field) hide();
});
document.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.("#suggestions [data-text]");
  if (option) {
    event.preventDefault();
    take(option);
  } else if (event.target !== field) hide();
});
field?.addEventListener("blur", hide);
