// data-passkey="create" or "get", a button in a form: asks the browser for a passkey by the options in the form's
// data-passkey-options, puts the answer into the field `credential` and sends the form. Without script it is off.

async function answerOf(kind, options) {
  if (kind === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey);
    return navigator.credentials.create({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey);
  return navigator.credentials.get({ publicKey });
}

async function ask(button) {
  const form = button.form;
  const options = JSON.parse(document.getElementById(form.dataset.passkeyOptions).textContent);
  try {
    const credential = await answerOf(button.dataset.passkey, options);
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.requestSubmit();
  } catch (error) {
    form.querySelector("[data-passkey-problem]").textContent = `The browser gave no passkey: ${error.message}`;
  }
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  button.disabled = !window.PublicKeyCredential?.parseCreationOptionsFromJSON;
  button.addEventListener("click", () => ask(button));
}
