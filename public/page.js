// What script adds to pages that work without it. The front ends of others have client.js.

// Undefined on a page that does not know whether anybody is logged in, such as a refusal.
const { session } = document.documentElement.dataset;
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("postern") : null;

/** Looks at the same address again; a form that was refused is not sent again. */
const lookAgain = () => location.replace(location.href);

// Tells the other tabs who is logged in here, and looks again where another one tells of a change.
if (session !== undefined) tabs?.postMessage({ session });
tabs?.addEventListener("message", ({ data }) => {
  if (session === undefined || typeof data?.session !== "string" || data.session === session) return;
  // What somebody is typing is left alone, unless it would be sent in another's name.
  const isTyping = [...document.querySelectorAll("input")].some((input) => input.value !== input.defaultValue);
  if (session !== "" || !isTyping) lookAgain();
});

// A page that comes back out of the browser's memory may be one of a session that has ended.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) lookAgain();
});

// Passwords can be looked at.
for (const secret of document.querySelectorAll(".secret")) {
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

// A form that is sent twice in haste is sent once; where no answer comes, it can be sent again.
for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    const button = form.querySelector("button:not([type])");
    if (button.ariaBusy === "true") return event.preventDefault();
    button.ariaBusy = "true";
    setTimeout(() => (button.ariaBusy = null), 3000);
  });
}

// A screen reader says what a live region comes to hold, not what it held from the first.
for (const region of document.querySelectorAll("[role=alert]:not(:empty), [role=status]:not([hidden])")) {
  const said = [...region.childNodes];
  region.replaceChildren();
  setTimeout(() => region.replaceChildren(...said), 100);
}

// Times, in the reader's own time zone.
const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
for (const time of document.querySelectorAll("time")) time.textContent = format.format(new Date(time.dateTime));

// The address is clean again, so that a reload or a bookmark does not repeat what was done.
if (new URLSearchParams(location.search).has("done")) history.replaceState(null, "", location.pathname);
