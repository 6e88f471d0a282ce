// data-tool-outputs: answering as from a queue. The focus is in the first empty box, Ctrl+Enter sends and opens the
// next run, and others are told who is answering (data-claim): from the first key, or at once where a run was opened
// for it (data-claims), until the page is left.
const KEPT_MS = 20_000; // how often a key says again that somebody is at it
let told = 0;

const form = () => document.querySelector("[data-tool-outputs]:not([data-closed])");
const boxes = (of) => [...of.querySelectorAll("fieldset[data-call-id] :is([data-output], [data-field], [type=radio])")];
const isEmpty = (box) => (box.type === "radio" ? !box.form.querySelector(`[name="${CSS.escape(box.name)}"]:checked`)
  : !box.value);

function firstEmpty(of) {
  return boxes(of).find((box) => box.offsetParent && isEmpty(box));
}

// On a phone the keyboard would cover the question; who came by an anchor wants to be there.
function begin() {
  const here = form();
  if (!here) return;
  if (here.dataset.claims !== undefined) claim(here);
  const isFree = document.activeElement === document.body && !location.hash;
  if (!isFree || !matchMedia("(pointer: fine)").matches) return;
  const box = firstEmpty(here);
  if (box && box.type !== "radio") box.focus({ preventScroll: true }); // a space would choose
}

function words(of, more = {}) {
  const given = new FormData();
  given.set("csrfmiddlewaretoken", of.querySelector("[name=csrfmiddlewaretoken]").value);
  for (const [name, value] of Object.entries(more)) given.set(name, value);
  return given;
}

function claim(of) {
  if (Date.now() - told < KEPT_MS) return;
  told = Date.now();
  fetch(of.dataset.claim, { method: "POST", body: words(of), keepalive: true }).catch(() => {});
}

document.addEventListener("input", (event) => {
  const here = event.target.closest?.("[data-tool-outputs]:not([data-closed])");
  if (here) claim(here);
});

window.addEventListener("pagehide", () => {
  const here = form();
  if (here && told) navigator.sendBeacon(here.dataset.claim, words(here, { leave: "1" }));
  told = 0;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || document.querySelector("dialog[open]")) return;
  const here = form();
  const other = event.target.closest?.("form");
  if (other && other !== here) return;
  const next = document.querySelector("[data-open-next]");
  if (!here && !next) return;
  event.preventDefault();
  if (here) here.requestSubmit(here.querySelector("button[value=next]"));
  else next.click();
});

begin();
