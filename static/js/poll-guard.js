// No polls while the tab is hidden. With "visibilitychange from:document" among a poller's triggers it asks once at once
// when the tab shows again. A trigger filter would need eval, which the content security policy forbids.
document.addEventListener("htmx:config:request", (event) => {
  const type = event.detail.ctx.sourceEvent?.type;
  if (document.hidden && (type === "every" || type === "visibilitychange")) event.preventDefault();
});
