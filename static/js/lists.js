// What lists need, a section for each behaviour, in a block of its own.

// data-suggest: a field whose suggestions arrive in the list it controls. Arrows walk them, Enter or a click takes one.
{
  const field = document.querySelector("[data-suggest]");
  const list = () => document.getElementById(field?.getAttribute("aria-controls"));
  const options = () => [...(list()?.querySelectorAll("[data-text]") ?? [])];
  let chosen = -1;

  function mark(place) {
    const all = options();
    chosen = all.length ? (place + all.length) % all.length : -1;
    all.forEach((option, number) => option.setAttribute("aria-selected", String(number === chosen)));
    all[chosen]?.scrollIntoView({ block: "nearest" });
    say();
  }

  // Tells a screen reader whether the list is open, and which suggestion is marked.
  function say() {
    const marked = options()[chosen];
    field.setAttribute("aria-expanded", String(Boolean(list()) && !list().hidden));
    if (marked) field.setAttribute("aria-activedescendant", marked.id);
    else field.removeAttribute("aria-activedescendant");
  }

  function hide() {
    chosen = -1;
    if (list()) list().hidden = true;
    if (field) say();
  }

  function take(option) {
    field.value = option.dataset.text;
    field.focus();
    hide();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  field?.addEventListener("keydown", (event) => {
    if (!list() || list().hidden) return;
    if (event.key === "ArrowDown") mark(chosen + 1);
    else if (event.key === "ArrowUp") mark(chosen < 0 ? chosen : chosen - 1);
    else if (event.key === "Enter" && chosen >= 0) take(options()[chosen]);
    else if (event.key === "Escape") hide();
    else return;
    event.preventDefault();
  });
  document.addEventListener("htmx:after:swap", () => {
    chosen = -1;
    if (list() && document.activeElement !== field) hide();
    else if (field) say();
  });
  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest?.("#suggestions [data-text]");
    if (option) {
      event.preventDefault();
      take(option);
    } else if (event.target !== field) hide();
  });
  field?.addEventListener("blur", hide);
}

// data-selected: how many rows are ticked, said where their operations are. The box in the head ticks all; Shift ticks
// a range.
{
  const said = document.querySelector("[data-selected]");
  const head = document.getElementById("pick-all");
  const boxes = () => [...document.querySelectorAll(".rowcheck")];
  let last;

  function count() {
    const ticked = boxes().filter((box) => box.checked).length;
    if (said) said.textContent = `${ticked} selected`;
    if (!head) return;
    head.hidden = false;
    head.checked = ticked > 0 && ticked === boxes().length;
    head.indeterminate = ticked > 0 && !head.checked;
  }

  document.addEventListener("click", (event) => {
    if (!event.target.matches?.(".rowcheck")) return;
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((one, other) => one - other);
    if (event.shiftKey && from >= 0) for (const box of all.slice(from, to + 1)) box.checked = event.target.checked;
    last = event.target;
    count();
  });
  document.addEventListener("change", (event) => {
    if (event.target === head) for (const box of boxes()) box.checked = head.checked;
    count();
  });
  document.addEventListener("htmx:after:swap", count);
  window.addEventListener("pageshow", count);
  count();
}

// data-row-menu: a link to what its row can be filtered by. Its page is shown in a menu beside the link.
{
  const menu = document.getElementById("row-menu");

  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("[data-row-menu]");
    if (!link || !menu || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const answer = await fetch(link.href, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) {
      location.assign(link.href);
      return;
    }
    menu.innerHTML = await answer.text();
    menu.showPopover({ source: link });
    menu.querySelector("a")?.focus();
  });
}
