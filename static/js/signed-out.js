// A page whose sign-in ended keeps what was typed: no answer leads away from it, and it says where to sign in again.
// Once that is done its forms go out with the new token, which the cookie has.
import { problem } from "./network.js";

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
