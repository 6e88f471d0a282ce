// data-toast: a message that goes by itself after a while; warnings stay longer. A click takes it away at once.
const STAYS_MS = { good: 6000, warn: 15000, bad: 15000 };

function arm() {
  for (const toast of document.querySelectorAll("[data-toast]:not([data-armed])")) {
    toast.dataset.armed = "";
    setTimeout(() => toast.remove(), STAYS_MS[toast.dataset.tone] ?? 8000);
  }
}

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("a")) event.target.closest?.("[data-toast]")?.remove();
});
arm();
document.addEventListener("htmx:after:swap", arm);
