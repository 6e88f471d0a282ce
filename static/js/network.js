// What the server could not say itself: no network, a time-out, or an error page without a message for #problem.
const NETWORK = "data-from-network";

function problem(title, words) {
  const region = document.getElementById("problem");
  if (!region) return;
  const banner = document.createElement("div");
  banner.className = "banner";
  banner.dataset.tone = "bad";
  banner.setAttribute(NETWORK, "");
  const text = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = title;
  text.append(strong, ` ${words}`);
  banner.append(text);
  region.replaceChildren(banner);
}

document.addEventListener("htmx:error", (event) => {
  const error = event.detail.error;
  const kept = "What you see is the last state. Nothing typed is lost.";
  if (error === "timeout") problem("RunsDash did not answer in time.", kept);
  else if (error?.name === "TypeError") problem("RunsDash cannot be reached.", kept);
});

document.addEventListener("htmx:response:error", (event) => {
  const { response, text, target } = event.detail.ctx;
  if (text?.includes("<hx-partial") || response.status === 422 || response.headers?.get?.("HX-Redirect")) return;
  problem(`The server answered ${response.status}.`, "What you see is the last state. Reload the page to try again.");
});

// Any answer shows that the network is back; only this script's own message goes.
document.addEventListener("htmx:after:request", (event) => {
  if (event.detail.ctx.response?.status < 400) document.querySelector(`#problem [${NETWORK}]`)?.remove();
});
