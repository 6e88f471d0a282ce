// data-toast: a message in #toasts goes by itself after a while, or by its button. Bad news stays until it is closed.
const STAY_MS = 8000;

function furnish(toast) {
  if (toast.dataset.furnished !== undefined) return;
  toast.dataset.furnished = "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "×";
  button.setAttribute("aria-label", "Close message");
  button.addEventListener("click", () => toast.remove());
  toast.append(button);
  if (toast.dataset.tone === "good") setTimeout(() => leave(toast), STAY_MS);
}

function leave(toast) {
  if (toast.matches(":hover, :focus-within")) setTimeout(() => leave(toast), STAY_MS);
  else toast.remove();
}

const region = document.getElementById("toasts");
const all = () => region.querySelectorAll("[data-toast]").forEach(furnish);
all();
new MutationObserver(all).observe(region, { childList: true });
