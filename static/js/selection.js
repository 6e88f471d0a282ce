// data-selected: how many rows are ticked, said where their deeds are.
const said = document.querySelector("[data-selected]");

function count() {
  const ticked = document.querySelectorAll(".rowcheck:checked").length;
  said.textContent = `${ticked} selected`;
}

document.addEventListener("change", (event) => {
  if (said && event.target.matches(".rowcheck")) count();
});
document.addEventListener("htmx:after:swap", () => said && count());
window.addEventListener("pageshow", () => said && count());
