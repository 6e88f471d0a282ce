// What every page needs, a section for each behaviour, in a block of its own: no section sees names of another.
// What only some pages need is a module beside this one, which the first section loads.

// A module is loaded once something it is bound to is on the page, with the page or by a later answer.
{
  const MODULES = [
    ["[data-suggest], [data-selected]", () => import("./lists.js")],
    ["[data-hit]", () => import("./hits.js")],
    ["[data-follow]", () => import("./follow.js")],
    ["[data-chart-tips]", () => import("./chart-tips.js")],
    ["[data-tool-outputs]", () => import("./tool-outputs.js")],
    ["[data-tool-outputs], [data-open-next]", () => import("./answering.js")],
    ["[data-passkey]", () => import("./passkeys.js")],
    ["[data-source], [data-add-rows]", () => import("./fields.js")],
  ];

  const load = () => {
    for (const [selector, module] of MODULES) if (document.querySelector(selector)) module();
  };
  load();
  document.addEventListener("htmx:after:swap", load);
}

// No polls while the tab is hidden or a person has paused them. With "visibilitychange from:document" among a poller's
// triggers it asks once at once when the tab shows again. A trigger filter would need eval, which the content security
// policy forbids. data-pause: a button that pauses and resumes.
{
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
}

// What the server could not say itself: no network, a time-out, or an error page without a message for #problem.
{
  const NETWORK = "data-from-network";

  function problem(title, words, address, link) {
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
    if (!(event.detail.ctx.response?.status < 400)) return;
    for (const one of document.querySelectorAll(`[${NETWORK}]`)) one.remove();
  });

  // A page whose sign-in ended keeps what was typed: no answer leads away from it, and it says where to sign in again.
  // Once that is done its forms go out with the new token, which the cookie has.
  const TOKEN = "csrfmiddlewaretoken";
  const token = () => document.cookie.match(/(?:^|; )runsdash_csrf=([^;]+)/)?.[1];

  function isChanged(field) {
    if (field.type === "hidden") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.type === "file") return field.value !== "";
    if (!field.options) return field.value !== field.defaultValue;
    const first = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(first, 0);
  }

  // A form that was refused comes back with what was typed as its values.
  function hasUnsent() {
    if (document.querySelector("form[data-unsent], form:has([aria-invalid=true], [role=alert], .err)")) return true;
    return [...document.querySelectorAll("input, select, textarea")].some(isChanged);
  }

  document.addEventListener("htmx:before:response", (event) => {
    const { response, request, hx } = event.detail.ctx;
    if (response.status !== 401 || !hx.redirect || (request.method === "GET" && !hasUnsent())) return;
    const words = "Nothing was sent, and what you typed is still here.";
    problem("You are signed out.", words, hx.redirect, "Sign in beside it");
    hx.redirect = "";
  });

  document.addEventListener("htmx:config:request", (event) => {
    const { body } = event.detail.ctx.request;
    if (body.has(TOKEN) && token()) body.set(TOKEN, token());
  });

  document.addEventListener("submit", (event) => {
    const field = event.target.elements.namedItem(TOKEN);
    if (field && token()) field.value = token();
  }, true);
}

// data-image: an image that cannot be shown says so in its place, and keeps its link.
{
  function tell(image) {
    const words = document.createElement("span");
    words.className = "muted";
    words.textContent = `${image.alt}: it is not there any more, or is no image.`;
    image.replaceWith(words);
  }

  document.addEventListener("error", (event) => {
    if (event.target.matches?.("img[data-image]")) tell(event.target);
  }, true);
  for (const image of document.querySelectorAll("img[data-image]")) {
    if (image.complete && !image.naturalWidth) tell(image);
  }
}

// data-copy: a button that puts its value on the clipboard and says so. The event copy-id does so with its detail.
{
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button.dataset.copy, button);
  });
  document.addEventListener("copy-id", (event) => copy(event.detail, document.activeElement));

  async function copy(text, button) {
    try {
      await navigator.clipboard.writeText(text);
      say(button, true);
    } catch {
      // No permission, or not a secure context.
      say(button, copiedByHand(text, button));
    }
  }

  // True only when the browser took the text: it asks for it by an event, whatever execCommand answers.
  function copiedByHand(text, button) {
    let isTaken = false;
    const give = (event) => {
      event.clipboardData.setData("text/plain", text);
      event.preventDefault();
      event.stopImmediatePropagation();
      isTaken = true;
    };
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr" });
    (button.closest("dialog") ?? document.body).append(area); // beside a modal dialog nothing can be selected
    area.select();
    document.addEventListener("copy", give, true);
    const worked = document.execCommand("copy");
    document.removeEventListener("copy", give, true);
    area.remove();
    button.focus();
    return worked && isTaken;
  }

  function say(button, worked) {
    const words = worked ? "Copied" : "Copying is not allowed here";
    const mark = worked ? "done" : "failed";
    button.classList.add(mark);
    setTimeout(() => button.classList.remove(mark), 1500);
    regionFor(button.closest("dialog")).textContent = words;
  }

  // What is outside of a modal dialog is not read out.
  function regionFor(dialog) {
    if (!dialog) return document.getElementById("announcer");
    const region = dialog.querySelector(":scope > [role=status]");
    if (region) return region;
    const made = Object.assign(document.createElement("div"), { className: "sr", role: "status" });
    dialog.append(made);
    return made;
  }
}

// time[data-ago], time[data-elapsed], [data-axis-from]: keeps "25 min ago", a running duration and a run's timeline
// true while the page stays open. <html data-now> is the server's clock when the page was made, so a wrong client
// clock does not matter.
{
  const offsetMs = Date.parse(document.documentElement.dataset.now) - Date.now() || 0;
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];
  const FAST_MS = 1000;
  const LEAST_WIDTH = 0.5; // percent

  function span(seconds) {
    const [unit, length] = UNITS.find(([, one]) => seconds >= one) || ["s", 1];
    return `${Math.floor(seconds / length)} ${unit}`;
  }

  function duration(seconds) {
    const two = (number) => String(number).padStart(2, "0");
    if (seconds < 60) return `${seconds} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} m`;
    return `${Math.floor(seconds / 86400)} d ${two(Math.floor(seconds / 3600) % 24)} h`;
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // A timeline of data-axis-s seconds from data-axis-from on: the line of now, and bars that end there. Behind its end
  // they wait for the server, which draws a longer one.
  function move(timeline, now) {
    const share = Math.min(100, (now - Date.parse(timeline.dataset.axisFrom)) / 10 / Number(timeline.dataset.axisS));
    for (const line of timeline.querySelectorAll("line.now")) {
      line.setAttribute("x1", `${share}%`);
      line.setAttribute("x2", `${share}%`);
    }
    for (const bar of timeline.querySelectorAll("rect[data-running]")) {
      bar.setAttribute("width", `${Math.max(LEAST_WIDTH, share - parseFloat(bar.getAttribute("x")))}%`);
    }
  }

  setInterval(() => {
    if (document.hidden) return;
    const now = Date.now() + offsetMs;
    const passed = (element) => Math.floor((now - Date.parse(element.dateTime)) / 1000);
    for (const element of document.querySelectorAll("time[data-elapsed]")) {
      write(element, duration(Math.max(0, passed(element))));
    }
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const seconds = passed(element);
      const comes = seconds < 0 && element.dataset.ago === "or-in"; // clocks differ: all else has just been
      write(element, comes ? `in ${span(-seconds)}` : `${span(Math.max(0, seconds))} ago`);
    }
    for (const timeline of document.querySelectorAll("[data-axis-from]")) move(timeline, now);
  }, FAST_MS);
}

// data-countdown: m:ss until the <time datetime> inside. Each element carries the server's clock in data-now, so a
// wrong client clock does not matter; a fresh answer of the server brings a fresh data-now. Says 5, 2, 1 min and 30 s
// aloud.
{
  const SPOKEN_S = [[300, "5 minutes"], [120, "2 minutes"], [60, "1 minute"], [30, "30 seconds"]];
  const seen = new WeakMap(); // element -> { now, offsetMs, leftS }

  function ticked(element) {
    const before = seen.get(element);
    const now = element.dataset.now;
    const offsetMs = before?.now === now ? before.offsetMs : Date.parse(now) - Date.now();
    const time = element.querySelector("time");
    const leftS = Math.floor((Date.parse(time.dateTime) - Date.now() - offsetMs) / 1000);
    seen.set(element, { now, offsetMs, leftS });
    return { time, leftS, before: before?.leftS };
  }

  function shown(leftS) {
    if (leftS <= 0) return "expired";
    const hours = Math.floor(leftS / 3600);
    const minutes = Math.floor((leftS % 3600) / 60);
    const two = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(leftS % 60)}` : `${minutes}:${two(leftS % 60)}`;
  }

  function speak(element, before, leftS) {
    const crossed = SPOKEN_S.find(([limit]) => before > limit && leftS <= limit);
    const region = document.getElementById("countdown-status");
    if (!crossed || !region) return;
    region.textContent = `${element.dataset.label || "The run"} expires in ${crossed[1]}`;
  }

  // A bar beside the countdown, in the same form.
  function moveBar(element, leftS) {
    const bar = element.closest("form")?.querySelector("progress[data-time-left]");
    if (!bar) return;
    bar.value = Math.max(0, leftS);
    bar.dataset.tone = leftS < 120 ? "bad" : "warn";
  }

  function tick() {
    for (const element of document.querySelectorAll("[data-countdown]")) {
      const { time, leftS, before } = ticked(element);
      const text = shown(leftS);
      if (time.textContent !== text) time.textContent = text;
      element.classList.toggle("soon", leftS < 120);
      moveBar(element, leftS);
      if (before !== undefined) speak(element, before, leftS);
    }
  }

  tick();
  setInterval(tick, 1000);
}

// For browsers without invoker commands: buttons with command="show-modal" or "close" and commandfor.
{
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
}

// data-modal: a dialog that arrives in the page opens as a modal; data-close closes it; a closed one leaves the page.
{
  function open() {
    for (const dialog of document.querySelectorAll("dialog[data-modal]:not([open])")) {
      dialog.addEventListener("close", () => dialog.remove());
      dialog.showModal();
    }
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-close]")) event.target.closest("dialog")?.close();
  });
  document.addEventListener("htmx:after:swap", open);
}

// data-toast: a message in #toasts goes by itself after a while, or by its button. Bad news stays until it is closed.
{
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
}

// Single keys: / ? j k J K x b y l, and g then a letter. Links say their key by data-key ("g r", "n", "[", "]").
// Off while typing, in dialogs, and when the profile turns them off (no data-shortcuts on <html>).
{
  const GO_WAIT_MS = 1500;
  let goUntil = 0;

  function isTyping(target) {
    const fields = "textarea, select, input:not([type=checkbox], [type=radio], [type=button])";
    return target.isContentEditable || target.matches?.(fields);
  }

  function follow(key) {
    const link = document.querySelector(`[data-key="${CSS.escape(key)}"]:not([aria-disabled=true])`);
    link?.focus();
    link?.click();
    return Boolean(link);
  }

  function rows() {
    const all = [...document.querySelectorAll("[data-rows] > tr, [data-rows] > li")];
    return all.filter((row) => row.offsetParent && row.querySelector("a"));
  }

  const rowWithFocus = () => rows().find((row) => row.contains(document.activeElement));

  function move(by) {
    const all = rows();
    const here = all.indexOf(rowWithFocus());
    const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1)];
    const link = next?.querySelector("th a") ?? next?.querySelector("a:not([tabindex='-1'])");
    link?.focus();
    next?.scrollIntoView({ block: "nearest" });
    return Boolean(link);
  }

  // On a run that was opened from a list, j and k go through that list unless a step has the focus.
  const walkOrMove = (key, by) => (!rowWithFocus() && follow(key)) || move(by);

  function press(selector, root) {
    const button = root?.querySelector(selector);
    button?.click();
    return Boolean(button);
  }

  // A field that holds what was not found is there to be typed over: as whole, by a paste or by its key.
  function isSelected(field) {
    if (!field.matches?.("[data-search]") || !field.value) return false;
    return field.selectionEnd - field.selectionStart === field.value.length;
  }

  const KEYS = {
    "/": () => {
      const field = document.querySelector("main [data-search]");
      field?.focus();
      field?.select();
      if (!field) document.dispatchEvent(new Event("find"));
      return true;
    },
    "?": () => {
      document.getElementById("keys")?.showModal();
      return true;
    },
    j: () => walkOrMove("j", 1),
    k: () => walkOrMove("k", -1),
    J: () => move(1),
    K: () => move(-1),
    x: () => press(".rowcheck", rowWithFocus()),
    b: () => {
      const first = document.querySelector("#bulk-select .btn");
      first?.focus();
      return Boolean(first);
    },
    y: () => {
      const row = rowWithFocus();
      const id = row?.dataset.runId ?? row?.dataset.threadId;
      if (id) document.dispatchEvent(new CustomEvent("copy-id", { detail: id }));
      if (id) return true;
      return press("[data-copy]", row ?? document.querySelector("main :is(.crumbs, h1):has([data-copy])"));
    },
    l: () => press("[data-pause]", document),
    g: () => {
      goUntil = Date.now() + GO_WAIT_MS;
      return true;
    },
  };

  document.addEventListener("keydown", (event) => {
    if (!("shortcuts" in document.documentElement.dataset)) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && isSelected(event.target)) event.preventDefault();
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const isGoing = Date.now() < goUntil;
    goUntil = 0;
    const done = isGoing ? follow(`g ${event.key}`) : (KEYS[event.key]?.() ?? follow(event.key));
    if (done) event.preventDefault();
  });

  document.querySelector("[data-search][autofocus]")?.select();
}

// Whoever had the focus on something that a swap or a closed dialog took away finds it on what came in its place, on
// what says data-lands, or on the heading; left to itself it would fall to the start of the page.
{
  let last;

  function land() {
    if (document.activeElement !== document.body || !last || last.isConnected) return;
    const same = document.getElementById(last.id);
    const place = document.querySelector("[data-lands]") ?? same ?? document.querySelector("main h1");
    last = undefined;
    if (!place) return;
    if (place.tabIndex < 0) place.tabIndex = -1;
    place.focus({ preventScroll: true });
  }

  document.addEventListener("focusin", (event) => {
    last = event.target;
  });
  // Who leaves a field by a click beside it wants the focus nowhere.
  document.addEventListener("focusout", (event) => setTimeout(() => {
    if (event.target.isConnected && document.activeElement === document.body) last = undefined;
  }));
  document.addEventListener("htmx:after:swap", () => setTimeout(land));
  document.addEventListener("close", () => setTimeout(land), true);

  // On a narrow screen the bar of pages scrolls: the page one is on shall be seen in it.
  const here = document.querySelector(".nav [aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2;
}

// data-rows, #walk: a run that is opened from a list knows its neighbours there. The list lives as long as the tab.
{
  const KEPT = "list";
  const walk = document.getElementById("walk");

  document.addEventListener("click", (event) => {
    const list = event.target.closest?.("a") && event.target.closest("[data-rows]:has([data-run-id])");
    if (!list) return;
    const links = [...list.querySelectorAll("tr[data-run-id] th a, li[data-run-id] > a")].map((link) => link.href);
    const isPage = document.querySelector(".pager a") !== null;
    sessionStorage.setItem(KEPT, JSON.stringify({ links, isPage, from: location.href }));
  });

  function show({ links, isPage, from }) {
    const here = links.findIndex((link) => new URL(link).pathname === location.pathname);
    if (here < 0) return;
    for (const link of walk.querySelectorAll("[data-by]")) {
      const address = links[here + Number(link.dataset.by)];
      if (address) link.href = address;
      else link.setAttribute("aria-disabled", "true");
    }
    const back = walk.querySelector("[data-list]");
    back.href = from;
    back.textContent = `${here + 1} of ${links.length}${isPage ? " on this page of the list" : ""}`;
    walk.hidden = false;
  }

  if (walk) show(JSON.parse(sessionStorage.getItem(KEPT)) ?? { links: [] });
}

// data-busy: a form that is being sent says so on its button and is not sent again until the answer is in.
{
  function release(form) {
    delete form.dataset.sending;
    for (const button of form.querySelectorAll("[data-busy-label][aria-disabled]")) {
      button.removeAttribute("aria-disabled");
      if (button.idleNodes) button.replaceChildren(...button.idleNodes);
    }
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-busy]");
    if (!form) return;
    if (form.dataset.sending) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.dataset.sending = "";
    const isNamed = event.submitter?.matches("[data-busy-label]");
    const button = isNamed ? event.submitter : form.querySelector("[data-busy-label]");
    if (!button) return;
    button.idleNodes = [...button.childNodes];
    button.setAttribute("aria-disabled", "true");
    button.replaceChildren(button.dataset.busyLabel);
  }, true);

  const released = (event) => {
    // The form itself: a draft that is saved from inside of it meanwhile changes nothing.
    const form = event.target.matches?.("form[data-busy]") ? event.target : null;
    if (form) release(form);
  };
  document.addEventListener("htmx:after:request", released);
  document.addEventListener("htmx:error", released);
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sending]").forEach(release));
}

// data-find: what leads to the one box opens it over the page, as Ctrl+K and the key / do. A letter that is typed into
// such a field goes on there. It opens at once, so that what is typed meanwhile is text and no key of the page; its
// module comes with the first time.
{
  const dialog = document.getElementById("palette");
  const box = document.getElementById("palette-q");

  function open(text = "") {
    if (!dialog || document.querySelector("dialog[open]")) return;
    dialog.showModal();
    box.value = text;
    box.focus();
    import("./palette.js").then(() => box.dispatchEvent(new Event("palette-open")));
  }

  document.addEventListener("keydown", (event) => {
    const isOpening = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k";
    if (!isOpening || !dialog) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("find", () => open());
  document.addEventListener("click", (event) => {
    const found = event.target.closest?.("[data-find]");
    if (!found || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open(found.value);
  });
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!field.matches?.("[data-find]")) return;
    open(field.value);
    field.value = "";
  });
}

// data-time-zone: a form that offers the browser's time zone to whoever has UTC, until it is taken or refused.
{
  const REFUSED = "time-zone-refused";
  const form = document.querySelector("[data-time-zone]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

  if (form && zone.includes("/") && !localStorage.getItem(REFUSED)) {
    const button = form.querySelector("[name=time_zone]");
    button.value = zone;
    button.textContent = `Use this browser’s zone, ${zone.replaceAll("_", " ")}`;
    form.hidden = false;
    form.querySelector("[data-keep]").addEventListener("click", () => {
      localStorage.setItem(REFUSED, zone);
      form.hidden = true;
    });
  }
}

// #needs-badge: the tab says how many runs need an answer, in its title and its icon, also while it is hidden; then it
// asks by itself, now and then, since polls rest. data-notify: a button that turns messages of the browser on and off.
{
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
    const icon = badge().dataset.icon.replace("/0.", `/${count}.`);
    const message = new Notification(words, { tag: "runsdash", icon });
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
}
