// What script adds to pages that work without it. client.js is for other front ends.

// `session` is undefined on a page that does not know whether a user is logged in, such as an error page.
const { dataset } = document.documentElement;
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("postern") : null;

// The token of a link in a mail must not stay in the address bar, and so not on a shared screen, in the history or in the
// Referer. The state of the history's entry keeps it for a reload.
const query = new URLSearchParams(location.search);
const isOpenLink = document.querySelector("input[type=hidden][name=token]") !== null;
if (query.has("token")) history.replaceState({ token: query.get("token") }, "", location.pathname);
// This address was loaded again, so the server has not got the token.
else if (!isOpenLink && history.state?.token !== undefined) reload();

// On such a page the header demands `no-referrer`, and a browser then sends `Origin: null` with a form. Browsers without
// Sec-Fetch-Site prove by Origin that they are on a page of this site. The address has no secret any more.
if (isOpenLink)
  document.head.append(Object.assign(document.createElement("meta"), { name: "referrer", content: "same-origin" }));

/** Loads the page again, with the token of its link. A form that was sent is not sent again. */
function reload() {
  const token = history.state?.token;
  location.replace(token === undefined ? location.href : `${location.pathname}?${new URLSearchParams({ token })}`);
}

// Tells the other tabs which session this one has, and reloads if another tab has a different one.
if (dataset.session !== undefined) tabs?.postMessage({ session: dataset.session });
tabs?.addEventListener("message", ({ data }) => {
  const { session } = dataset; // public/passkeys.js removes it before another page follows.
  if (session === undefined || typeof data?.session !== "string" || data.session === session) return;
  // A half-filled login stays. A form of a session that has ended does not: it would be sent in another user's name.
  const isTyping = [...document.querySelectorAll("input")].some((input) => input.value !== input.defaultValue);
  if (session !== "" || !isTyping) reload();
});

// A page that the browser restores from its memory may belong to a session that has ended.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) reload();
});

/** Adds a button that shows the password. */
function addShowButton(secret) {
  const input = secret.querySelector("input");
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  const show = (isShown) => {
    input.type = isShown ? "text" : "password";
    button.textContent = isShown ? secret.dataset.hide : secret.dataset.show;
    button.setAttribute(
      "aria-label",
      `${button.textContent}: ${document.querySelector(`label[for=${input.id}]`).textContent}`,
    );
  };
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  secret.append(button);
}

/** Sends a form once, even if the button is clicked twice. After 3 seconds without an answer, it can be sent again. */
function sendOnce(form) {
  if (form.dataset.passkey !== undefined) return; // public/passkeys.js sends it.
  form.addEventListener("submit", (event) => {
    const button = submitButton(form);
    if (button.ariaBusy === "true") return event.preventDefault();
    button.ariaBusy = "true";
    setTimeout(() => (button.ariaBusy = null), 3000);
    if (form.dataset.keep === undefined) return;
    event.preventDefault();
    // If the server cannot be reached, the browser's own way of sending shows its error.
    sendInBackground(form).catch(() => form.submit());
  });
}

const submitButton = (form) => form.querySelector("button:not([type])");

/** Shows the errors of a form without losing the value of one field, such as the current password. */
async function sendInBackground(form) {
  const body = new URLSearchParams(new FormData(form));
  const response = await fetch(form.action, { method: "POST", headers: { Accept: "text/html" }, body });
  if (response.redirected) return location.assign(response.url);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const answer = page.querySelector("form[data-keep]");
  // An error page, without the form.
  if (answer === null) return document.querySelector("main").replaceWith(page.querySelector("main"));
  const { keep } = form.dataset;
  if (answer.elements[keep].ariaInvalid !== "true") answer.elements[keep].value = form.elements[keep].value;
  form.replaceWith(answer);
  enhance(answer);
  answer.querySelector("[autofocus]")?.focus();
}

/** Counts a wait down, with the form's button disabled until it ends. lib/pages/time.ts has written the first step. */
function countDown(form, wait) {
  const { seconds, locale, over } = wait.dataset;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  const end = performance.now() + Number(seconds) * 1000;
  wait.ariaLive = "off"; // A screen reader reads the first step and the end.
  submitButton(form).disabled = true;
  const step = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) {
      wait.textContent = left < 90 ? format.format(left, "second") : format.format(Math.ceil(left / 60), "minute");
      return setTimeout(step, 1000);
    }
    wait.ariaLive = null;
    wait.textContent = over;
    submitButton(form).disabled = false;
  };
  step();
}

/** Has a screen reader read a live region out: it reads what changes, not what is there from the beginning. */
function announce(region) {
  const content = [...region.childNodes];
  region.replaceChildren();
  setTimeout(() => region.replaceChildren(...content), 100);
}

/** Adds the buttons that copy and print the recovery codes. public/passkeys.js calls it too. */
export function addCodeButtons(codes) {
  const actions = document.createElement("div");
  actions.className = "actions";
  const addButton = (text, act) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet" });
    button.textContent = text;
    button.addEventListener("click", () => act(button));
    actions.append(button);
  };
  const { copy, copied, print } = codes.dataset;
  const text = [...codes.querySelectorAll("code")].map((code) => code.textContent).join("\n");
  // A browser has the clipboard only on https and on this machine.
  if (navigator.clipboard) {
    addButton(copy, async (button) => {
      await navigator.clipboard.writeText(text);
      button.textContent = copied;
    });
  }
  addButton(print, () => globalThis.print());
  codes.append(actions);
}

function enhance(form) {
  for (const secret of form.querySelectorAll(".secret")) addShowButton(secret);
  for (const wait of form.querySelectorAll("[data-seconds]")) countDown(form, wait);
  for (const region of form.querySelectorAll("[role=alert]:not(:empty)")) announce(region);
  sendOnce(form);
}

for (const form of document.forms) enhance(form);
for (const codes of document.querySelectorAll(".codes")) addCodeButtons(codes);
for (const region of document.querySelectorAll("[role=status]")) announce(region);

// Not every browser gives the focus to a paragraph by itself.
document.querySelector(".notice[autofocus]")?.focus();

// A reload or a bookmark must not repeat the notice of what was done.
if (query.has("done")) history.replaceState(null, "", location.pathname);
