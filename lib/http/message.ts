/**
 * What can be wrong with a form's field, by code: the codes and the words of Django and Django REST Framework, as the wire
 * has them. `{name}` stands for a value. Pages have texts of their own for the same codes.
 */
export const FIELD_MESSAGES = {
  required: "This field is required.",
  null: "This field may not be null.",
  blank: "This field may not be blank.",
  not_a_string: "Not a valid string.",
  null_characters: "Null characters are not allowed.",
  surrogate_characters: "Surrogate characters are not allowed: {character}.",
  max_length: "Ensure this field has no more than {max} characters.",
  invalid_email: "Enter a valid email address.",
  invalid_username: "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.",
  username_like_email: "A username with an @ must be your own email address.",
  email_taken: "This email address belongs to an account already.",
  username_taken: "That username is already taken.",
  invalid_cursor: "Invalid cursor.",
  password_blank: "Blank passwords aren't allowed.",
  password_too_long: "The password is {bytes} bytes long; at most {max} are allowed.",
  password_like_username: "The password is too similar to the username.",
  password_like_first_name: "The password is too similar to the first name.",
  password_like_last_name: "The password is too similar to the last name.",
  password_like_email: "The password is too similar to the email address.",
  password_like_site_name: "The password is too similar to the site name.",
  password_too_short: "This password is too short. It must contain at least {min} characters.",
  password_too_common: "This password is too common.",
  password_breached: "This password has appeared in a data breach and must not be used.",
  code_incorrect: "This code is not valid.",
  app_code_incorrect: "This is not a valid code of the authenticator app.",
  setup_code_incorrect: "This code is not valid.",
  setup_expired: "This setup has expired. Start again.",
  password_incorrect: "Your old password was entered incorrectly. Please enter it again.",
} as const;

export type FieldMessageCode = keyof typeof FIELD_MESSAGES;

/** The names of a text's placeholders: `"min" | "max"` for `"{min} to {max}"`. */
type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

/** The values that a text needs, each under its placeholder's name. */
export type Values<Text extends string> = Record<Placeholder<Text>, string | number>;

/** The arguments after a code: none if its text has no placeholder, else the values. */
export type ValuesArgument<Text extends string> = [Placeholder<Text>] extends [never] ? [] : [values: Values<Text>];

/** Something that is wrong with a field: a code, and the values of its text. */
export type FieldMessage = {
  [Code in FieldMessageCode]: { readonly code: Code; readonly values: Values<(typeof FIELD_MESSAGES)[Code]> };
}[FieldMessageCode];

/** Messages by the name of their field, in the order in which the wire has them. */
export type FieldErrors = Record<string, readonly FieldMessage[]>;

export function fieldMessage<Code extends FieldMessageCode>(
  code: Code,
  ...[values]: ValuesArgument<(typeof FIELD_MESSAGES)[Code]>
): FieldMessage {
  // The parameters have checked that the values are those of the code; the union cannot follow a generic code.
  return { code, values: values ?? {} } as FieldMessage;
}

/** The message as the wire and the command line write it. */
export function wireText({ code, values }: FieldMessage): string {
  return fill(FIELD_MESSAGES[code], values);
}

/** Replaces the placeholders of a text. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
