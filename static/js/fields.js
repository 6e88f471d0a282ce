// What forms of metadata and parameters need, a section for each behaviour, in a block of its own.

// data-add-rows: rows of metadata pairs that can be added and removed. Without script the blank rows serve.
{
  function ready(root) {
    const buttons = root.querySelectorAll("[data-add-pair][hidden], [data-remove-pair][hidden]");
    for (const button of buttons) button.hidden = false;
  }

  document.addEventListener("click", (event) => {
    const add = event.target.closest?.("[data-add-pair]");
    const remove = event.target.closest?.("[data-remove-pair]");
    if (add) addPair(add.closest("[data-add-rows]"));
    if (remove) for (const input of remove.closest("[data-pair]").querySelectorAll("input")) input.value = "";
    if (remove) remove.closest("[data-pair]").querySelector("input").focus();
  });

  function addPair(editor) {
    const rows = [...editor.querySelectorAll("[data-pair]")];
    const copy = rows.at(-1).cloneNode(true);
    const number = Math.max(...rows.map((row) => Number(row.querySelector("input").name.match(/-(\d+)-/)[1]))) + 1;
    for (const input of copy.querySelectorAll("input")) {
      input.name = input.name.replace(/-\d+-/, `-${number}-`);
      input.value = "";
      input.removeAttribute("aria-invalid");
    }
    copy.querySelector(".err")?.remove();
    rows.at(-1).after(copy);
    copy.querySelector("input").focus();
  }

  ready(document);
  document.addEventListener("htmx:after:swap", () => ready(document));
}

// data-source: a field that was filled in from somewhere says when it is no longer what it was filled in with.
{
  function mark(field) {
    const label = field.closest(".field")?.querySelector("[data-edited]");
    if (label) label.hidden = field.value.trim() === field.dataset.source.trim();
  }

  document.addEventListener("input", (event) => {
    if (event.target.matches?.("[data-source]")) mark(event.target);
  });
  document.querySelectorAll("[data-source]").forEach(mark);
}
