import { type Html, html } from "../http/html.ts";
import { csrfField, type Frame } from "./layout.ts";
import { translate } from "./messages/messages.ts";

/** What was wrong with a form, in the wire's English. */
export interface Mistakes {
  /** By the field's name. */
  fields: Readonly<Record<string, readonly string[]>>;
  /** About the form as a whole. */
  form: readonly string[];
}

export const NO_MISTAKES: Mistakes = { fields: {}, form: [] };

export interface Field {
  name: string;
  label: string;
  value?: string;
  type?: "text" | "email" | "password";
  /** A token of the HTML Standard, "Autofill". */
  autocomplete: string;
  isOptional?: boolean;
}

export interface Form {
  action: string;
  fields: readonly Field[];
  button: string;
  mistakes: Mistakes;
  /** Goes back as it came. */
  hidden?: Readonly<Record<string, string | null>>;
  /** The field that has the focus where none is wrong. */
  focus?: string;
  /** Whose password is changed: nobody sees it but a password manager. */
  username?: string | null;
}

/** A form that works without script. The focus is on its first mistake. */
export function form(
  frame: Frame,
  { action, fields, button, mistakes, hidden = {}, focus, username = null }: Form,
): Html {
  const focused = fields.find(({ name }) => mistakes.fields[name])?.name ?? focus;
  const kept = Object.entries(hidden).filter(([, value]) => value !== null);
  return html`<form method="post" action="${action}">
<div class="mistakes" role="alert">${mistakes.form.map((message) => html`<p>${translate(frame.words, message)}</p>`)}</div>
${csrfField(frame.member)}${kept.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${username !== null && html`<input type="text" autocomplete="username" value="${username}" readonly hidden>`}
${fields.map((field) => control(frame, field, mistakes.fields[field.name] ?? [], field.name === focused))}
<button>${button}</button>
</form>`;
}

function control({ words }: Frame, field: Field, mistakes: readonly string[], isFocused: boolean): Html {
  const { name, label, value = "", type = "text", autocomplete, isOptional = false } = field;
  const isWrong = mistakes.length > 0;
  const input = html`<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}"${
    type === "password" ? null : html` value="${value}"`
  }${name === "username" && html` autocapitalize="none" spellcheck="false"`}${!isOptional && html` required`}${
    isWrong && html` aria-invalid="true" aria-describedby="${name}-mistakes"`
  }${isFocused && html` autofocus`}>`;
  return html`<div class="field">
<label for="${name}">${label}${isOptional && html` <span class="hint">(${words.optional})</span>`}</label>
${type === "password" ? html`<div class="secret" data-show="${words.show}" data-hide="${words.hide}">${input}</div>` : input}
${isWrong && html`<div class="mistakes" id="${name}-mistakes">${mistakes.map((message) => html`<p>${translate(words, message)}</p>`)}</div>`}
</div>`;
}
