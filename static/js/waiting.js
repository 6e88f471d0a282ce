// #needs-badge: the tab says how many runs need an answer, in its title and its icon, also while it is hidden; then it
// asks by itself, now and then, since polls rest. data-notify: a button that turns messages of the browser on and off.
const EVERY_MS = 20_000;
const KEPT = "notify";
const NUMBER = /^\(\d+\+?\) /;
const plainIcon = document.querySelector("link[rel=icon]")?.href;
const badge = () => document.getElementById("needs-badge");
const notifies = () => localStorage.getItem(KEPT) === "on" && window.Notification?.permission === "granted";
let shown = Number(badge()?.dataset.waiting ?? 0);
let tag = "";

function tell(count) {
  if (count <= shown || !document.hidden || !notifies()) return;
  const words = `${count} run${count === 1 ? " needs" : "s need"} an answer`;
  const message = new Notification(words, { tag: "runsdash", icon: badge().dataset.icon.replace("/0.", `/${count}.`) });
  message.addEventListener("click", () => {
    window.focus();
    location.assign(badge().dataset.inbox);
  });
}

function show() {
  if (!badge()) return;
  const count = Number(badge().dataset.waiting);
  const label = count ? `(${badge().dataset.label}) ` : "";
  const title = label + document.title.replace(NUMBER, "");
  if (document.title !== title) document.title = title;
  const link = document.querySelector("link[rel=icon]");
  const icon = count ? badge().dataset.icon.replace("/0.", `/${Math.min(count, 99)}.`) : plainIcon;
  if (link && link.getAttribute("href") !== icon) link.setAttribute("href", icon);
  tell(count);
  shown = count;
}

async function ask() {
  if (!document.hidden || !badge() || "paused" in document.documentElement.dataset) return;
  const headers = { "HX-Request": "true", "HX-PTag": tag };
  const answer = await fetch(badge().dataset.frame, { headers }).catch(() => null);
  if (answer?.status !== 200) return;
  tag = answer.headers.get("HX-PTag") ?? "";
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("needs-badge");
  if (!fresh || !badge()) return;
  badge().replaceWith(document.importNode(fresh, true));
  show();
}

function label(button) {
  button.hidden = !("Notification" in window);
  const isBlocked = window.Notification?.permission === "denied";
  button.setAttribute("aria-pressed", String(notifies()));
  button.setAttribute("aria-disabled", String(isBlocked));
  const asked = notifies() ? "Notifications are on" : "Notify in this browser";
  const words = isBlocked ? "Notifications are blocked" : asked;
  button.querySelector("span").textContent = words;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-notify]");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  const isOn = !notifies() && (await Notification.requestPermission()) === "granted";
  localStorage.setItem(KEPT, isOn ? "on" : "off");
  label(button);
});

document.querySelectorAll("[data-notify]").forEach(label);
document.addEventListener("htmx:after:swap", show);
setInterval(ask, EVERY_MS);
show();
