// What the server could not say itself: no network, a time-out, or an error page without a message for #problem.
const NETWORK = "data-from-network";

export function problem(title, words, address, link) {
  const region = document.querySelector("dialog:modal") ?? document.getElementById("problem");
  const before = region?.querySelector(".banner");
  if (!region || before?.textContent.startsWith(title)) return;
  const banner = document.createElement("div");
  banner.className = "banner";
  banner.dataset.tone = "bad";
  banner.setAttribute(NETWORK, "");
  const text = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = title;
  text.append(strong, ` ${words} `);
  const beside = { href: address, target: "_blank", textContent: link };
  if (address) text.append(Object.assign(document.createElement("a"), beside));
  banner.append(text);
  // What lies outside of a modal dialog can be neither read nor clicked.
  if (region.id === "problem") region.replaceChildren();
  else if (before?.hasAttribute(NETWORK)) before.remove();
  region.prepend(banner);
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
  if (event.detail.ctx.response?.status < 400) document.querySelectorAll(`[${NETWORK}]`).forEach((one) => one.remove());
});
