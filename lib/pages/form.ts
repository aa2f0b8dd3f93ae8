import { type Html, html } from "../http/html.ts";
import type { FieldMessage } from "../http/message.ts";
import type { FormMessage, ValidationErrors } from "../http/problem.ts";
import { csrfField, type Frame } from "./layout.ts";
import { fieldText } from "./messages/messages.ts";
import { waitingTime } from "./time.ts";

export interface Field {
  name: string;
  label: string;
  value?: string;
  type?: "text" | "email" | "password";
  /** A token of the HTML Standard, "Autofill". */
  autocomplete: string;
  isOptional?: boolean;
  /** Shown below the field before anything is wrong; null for none. */
  hint?: string | null;
}

export interface Form {
  action: string;
  fields: readonly Field[];
  button: string;
  validationErrors: ValidationErrors;
  /** Sent back as it came. Null leaves the field out. */
  hidden?: Readonly<Record<string, string | null>>;
  /** The field that has the focus if no field has an error. */
  focus?: string;
  /** The user whose password changes. Only a password manager sees it. */
  username?: string | null;
  /** Where to go without sending the form. */
  cancelUrl?: string;
  /** Whether every field may stay empty, so that none says so by itself. */
  areOptional?: boolean;
  /** The field whose value survives an error, with script: public/page.js sends the form in the background. */
  keep?: string;
}

/** A form that works without script. The focus is on its first field with an error. */
export function form(frame: Frame, form: Form): Html {
  const { action, fields, button, validationErrors, hidden = {}, focus, username = null } = form;
  const { cancelUrl, areOptional = false, keep } = form;
  const focused = fields.find(({ name }) => validationErrors.fields[name])?.name ?? focus;
  const kept = Object.entries(hidden).filter(([, value]) => value !== null);
  const submit = html`<button>${button}</button>`;
  return html`<form method="post" action="${action}"${keep !== undefined && html` data-keep="${keep}"`}>
<div class="errors" role="alert">${validationErrors.form.map((message) => formError(frame, message))}</div>
${csrfField(frame.member)}${kept.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${username !== null && html`<input type="text" autocomplete="username" value="${username}" readonly hidden>`}
${fields.map((field) => control(frame, field, validationErrors.fields[field.name] ?? [], { isFocused: field.name === focused, isRequired: !areOptional && !field.isOptional }))}
${cancelUrl === undefined ? submit : html`<div class="actions">${submit}<a class="button quiet" href="${cancelUrl}">${frame.words.cancel}</a></div>`}
</form>`;
}

/** With script, the wait counts down, and the button is disabled until it ends. */
function formError({ words, locale }: Frame, { code, values }: FormMessage): Html {
  const [before, after] = words.errors.form[code].split("{wait}");
  if (!("seconds" in values)) return html`<p>${before ?? ""}</p>`;
  const seconds = Number(values.seconds);
  const wait = html`<span data-seconds="${seconds}" data-locale="${locale}" data-over="${words.waitOver}">${waitingTime(locale, seconds)}</span>`;
  return html`<p>${before ?? ""}${wait}${after ?? ""}</p>`;
}

function control(
  frame: Frame,
  field: Field,
  messages: readonly FieldMessage[],
  { isFocused, isRequired }: { isFocused: boolean; isRequired: boolean },
): Html {
  const { words } = frame;
  const { name, label, type = "text", isOptional = false, hint = null } = field;
  const isWrong = messages.length > 0;
  const described = [hint !== null && `${name}-hint`, isWrong && `${name}-errors`].filter((id) => id !== false);
  const state = html`${described.length > 0 && html` aria-describedby="${described.join(" ")}"`}${
    isWrong && html` aria-invalid="true"`
  }${isRequired && html` required`}${isFocused && html` autofocus`}`;
  const box = input(field, state);
  return html`<div class="field">
<label for="${name}">${label}${isOptional && html` <span class="hint">(${words.optional})</span>`}</label>
${type === "password" ? html`<div class="secret" data-show="${words.show}" data-hide="${words.hide}">${box}</div>` : box}
${hint !== null && html`<p class="hint" id="${name}-hint">${hint}</p>`}
${isWrong && html`<div class="errors" id="${name}-errors">${listOf(messages.map((message) => fieldText(words, message)))}</div>`}
</div>`;
}

/** A password is never written into a page. */
function input({ name, value = "", type = "text", autocomplete }: Field, state: Html): Html {
  const content = type !== "password" && html` value="${value}"`;
  const typing = name === "username" && html` autocapitalize="none" spellcheck="false"`;
  return html`<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}"${content}${typing}${state}>`;
}

function listOf(texts: readonly string[]): Html {
  if (texts.length === 1) return html`<p>${texts}</p>`;
  return html`<ul>${texts.map((text) => html`<li>${text}</li>`)}</ul>`;
}
