// #palette: the one box over a page. Arrows choose a suggestion, Enter opens it; without one the form searches.
// Suggestions come by htmx. page.js opens it.
const dialog = document.getElementById("palette");
const box = document.getElementById("palette-q");
const list = () => document.getElementById("palette-list");
const options = () => [...list().querySelectorAll("[role=option]")];
let chosen = -1;

function choose(place) {
  const all = options();
  chosen = all.length ? (place + all.length) % all.length : -1;
  all.forEach((option, number) => option.setAttribute("aria-selected", String(number === chosen)));
  if (chosen < 0) return box.removeAttribute("aria-activedescendant");
  box.setAttribute("aria-activedescendant", all[chosen].id);
  all[chosen].scrollIntoView({ block: "nearest" });
}

box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen < 0 ? chosen : chosen - 1);
  else if (event.key === "Enter" && chosen >= 0 && !event.ctrlKey) options()[chosen].click();
  else if (event.key === "Enter") box.form.requestSubmit();
  else if (event.key === "Escape") dialog.close(); // at once: a search field would be emptied first
  else return;
  event.preventDefault();
});
document.addEventListener("htmx:after:swap", () => {
  if (!dialog.open) return;
  chosen = -1;
  box.removeAttribute("aria-activedescendant");
  box.setAttribute("aria-expanded", String(options().length > 0));
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => box.setAttribute("aria-expanded", "false"));
