import type { TextField } from "../http/fields.ts";
import { type Html, html } from "../http/html.ts";
import type { FieldMessage } from "../http/message.ts";
import { type FormMessage, NO_ERRORS, type ValidationErrors } from "../http/problem.ts";
import { csrfField, type Frame } from "./layout.ts";
import { fieldText, type Words } from "./messages/messages.ts";
import { waitingTime } from "./time.ts";

/** The words that are texts, and not functions. */
type Label = { [Key in keyof Words]: Words[Key] extends string ? Key : never }[keyof Words];

/** A field: the rules that a client's value has to keep, and how the page shows it. */
export interface FormField extends TextField {
  label: Label;
  /** `text` by default. */
  type?: "email" | "password";
  /** A token of the HTML Standard, "Autofill". */
  autocomplete: string;
  /** Whether the rule for new passwords stands below it. */
  showsPasswordRule?: true;
}

/** A form. A field may be left empty if its rules say so. */
export interface FormDefinition<Name extends string = string> {
  action: string;
  button: Label;
  fields: Readonly<Record<Name, FormField>>;
  /** Whether sending it destroys something. */
  isDangerous?: true;
  /** Where to go without sending the form. */
  cancelUrl?: string;
  /** The field whose value survives an error, with script: public/page.js sends the form in the background. */
  keep?: Name;
}

/** The names of a form's fields. */
export type FieldName<Form extends FormDefinition> = keyof Form["fields"] & string;

/** What the fields hold, and what is wrong with it. */
export interface FormState<Name extends string = string> {
  values: Readonly<Partial<Record<Name, string>>>;
  validationErrors: ValidationErrors;
}

/** A form before its first use. */
export const EMPTY_FORM: FormState<never> = { values: {}, validationErrors: NO_ERRORS };

/** A box that sends `on` if it is ticked, and nothing if it is not. */
export interface Checkbox {
  name: string;
  label: string;
  isTicked: boolean;
}

/** What a page adds to a form. */
interface FormExtras {
  /** Sent back as it came. Null leaves the field out. */
  hidden?: Readonly<Record<string, string | null>>;
  /** A box below the fields; null for none. */
  checkbox?: Checkbox | null;
  /** The field that has the focus if no field has an error. */
  focus?: string;
  /** The user whose password changes. Only a password manager sees it. */
  username?: string | null;
  /** The fewest characters of a new password; null if the settings have no rule. */
  passwordRule?: number | null;
}

/** A form that works without script. The focus is on its first field with an error. */
export function form(
  frame: Frame,
  definition: FormDefinition,
  { values, validationErrors }: FormState,
  extras: FormExtras = {},
): Html {
  const { words, member } = frame;
  const { hidden = {}, checkbox = null, focus, username = null, passwordRule = null } = extras;
  const fields = Object.entries(definition.fields);
  const focused = fields.find(([name]) => validationErrors.fields[name])?.[0] ?? focus;
  const areOptional = fields.every(([, { mayBeBlank }]) => mayBeBlank);
  const controls = fields.map(([name, field]) => {
    const hint = field.showsPasswordRule && passwordRule !== null ? words.passwordRule(passwordRule) : null;
    const messages = validationErrors.fields[name] ?? [];
    const saysOptional = field.mayBeBlank === true && !areOptional;
    return control(frame, { name, field, value: values[name] ?? "", messages, hint, saysOptional }, name === focused);
  });
  const kept = Object.entries(hidden).filter(([, value]) => value !== null);
  return html`<form method="post" action="${definition.action}"${definition.keep !== undefined && html` data-keep="${definition.keep}"`}>
<div class="errors" role="alert">${validationErrors.form.map((message) => formError(frame, message))}</div>
${csrfField(member)}${kept.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${username !== null && html`<input type="text" autocomplete="username" value="${username}" readonly hidden>`}
${controls}${checkbox !== null && box(checkbox)}
${actions(frame, definition)}
</form>`;
}

/** Whether anything is wrong with what was sent. */
export function hasErrors({ validationErrors: { fields, form } }: FormState): boolean {
  return form.length > 0 || Object.keys(fields).length > 0;
}

/** The words are a part of what a finger hits. */
export function box({ name, label, isTicked }: Checkbox): Html {
  return html`
<label class="box"><input type="checkbox" name="${name}"${isTicked && html` checked`}><span>${label}</span></label>`;
}

function actions({ words }: Frame, { button, isDangerous, cancelUrl }: FormDefinition): Html {
  const submit = html`<button${isDangerous === true && html` class="danger"`}>${words[button]}</button>`;
  if (cancelUrl === undefined) return submit;
  return html`<div class="actions">${submit}<a class="button quiet" href="${cancelUrl}">${words.cancel}</a></div>`;
}

/** With script, the wait counts down, and the button is disabled until it ends. */
function formError({ words, locale }: Frame, { code, values }: FormMessage): Html {
  const [before, after] = words.errors.form[code].split("{wait}");
  if (!("seconds" in values)) return html`<p>${before ?? ""}</p>`;
  const seconds = Number(values.seconds);
  const wait = html`<span data-seconds="${seconds}" data-locale="${locale}" data-over="${words.waitOver}">${waitingTime(locale, seconds)}</span>`;
  return html`<p>${before ?? ""}${wait}${after ?? ""}</p>`;
}

interface Control {
  name: string;
  field: FormField;
  value: string;
  messages: readonly FieldMessage[];
  /** Shown before anything is wrong; null for none. */
  hint: string | null;
  saysOptional: boolean;
}

function control(frame: Frame, control: Control, isFocused: boolean): Html {
  const { words } = frame;
  const { name, field, messages, hint, saysOptional } = control;
  const isWrong = messages.length > 0;
  const shown = input(control, isFocused);
  return html`<div class="field">
<label for="${name}">${words[field.label]}${saysOptional && html` <span class="hint">(${words.optional})</span>`}</label>
${field.type === "password" ? html`<div class="secret" data-show="${words.show}" data-hide="${words.hide}">${shown}</div>` : shown}
${hint !== null && html`<p class="hint" id="${name}-hint">${hint}</p>`}
${isWrong && html`<div class="errors" id="${name}-errors">${listOf(messages.map((message) => fieldText(words, message)))}</div>`}
</div>`;
}

/** A password is never written into a page. */
function input({ name, field, value, messages, hint }: Control, isFocused: boolean): Html {
  const { type = "text", autocomplete, mayBeBlank } = field;
  const isWrong = messages.length > 0;
  const described = [hint !== null && `${name}-hint`, isWrong && `${name}-errors`].filter((id) => id !== false);
  const attributes = [
    type !== "password" && html` value="${value}"`,
    autocomplete.startsWith("username") && html` autocapitalize="none" spellcheck="false"`,
    !mayBeBlank && html` required`,
    described.length > 0 && html` aria-describedby="${described.join(" ")}"`,
    isWrong && html` aria-invalid="true"`,
    isFocused && html` autofocus`,
  ];
  return html`<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}"${attributes}>`;
}

function listOf(texts: readonly string[]): Html {
  if (texts.length === 1) return html`<p>${texts}</p>`;
  return html`<ul>${texts.map((text) => html`<li>${text}</li>`)}</ul>`;
}
