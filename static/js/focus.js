// Whoever had the focus on something that a swap or a closed dialog took away finds it on what came in its place, on
// what says data-lands, or on the heading; left to itself it would fall to the start of the page.
let last;

function land() {
  if (document.activeElement !== document.body || !last || last.isConnected) return;
  const same = document.getElementById(last.id);
  const place = document.querySelector("[data-lands]") ?? same ?? document.querySelector("main h1");
  last = undefined;
  if (!place) return;
  if (place.tabIndex < 0) place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

document.addEventListener("focusin", (event) => {
  last = event.target;
});
// Who leaves a field by a click beside it wants the focus nowhere.
document.addEventListener("focusout", (event) => setTimeout(() => {
  if (event.target.isConnected && document.activeElement === document.body) last = undefined;
}));
document.addEventListener("htmx:after:swap", () => setTimeout(land));
document.addEventListener("close", () => setTimeout(land), true);

// On a narrow screen the bar of pages scrolls: the page one is on shall be seen in it.
const here = document.querySelector(".nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2;
