// No polls while the tab is hidden or a person has paused them. With "visibilitychange from:document" among a poller's
// triggers it asks once at once when the tab shows again. A trigger filter would need eval, which the content security
// policy forbids. data-pause: a button that pauses and resumes.
const root = document.documentElement;

document.addEventListener("htmx:config:request", (event) => {
  const type = event.detail.ctx.sourceEvent?.type;
  const isPoll = type === "every" || type === "visibilitychange";
  if (isPoll && (document.hidden || "paused" in root.dataset)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-pause]")) return;
  const isPaused = root.toggleAttribute("data-paused");
  document.getElementById("announcer").textContent = isPaused ? "Live updates are paused" : "Live updates go on";
  if (!isPaused) document.dispatchEvent(new Event("visibilitychange"));
});
