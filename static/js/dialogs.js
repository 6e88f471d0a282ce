// For browsers without invoker commands: buttons with command="show-modal" or "close" and commandfor.
if (!("command" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[commandfor]");
    const dialog = button && document.getElementById(button.getAttribute("commandfor"));
    if (!dialog) return;
    const command = button.getAttribute("command");
    if (command === "show-modal") dialog.showModal();
    if (command === "close") dialog.close();
  });
}
