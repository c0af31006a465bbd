/**
 * Text that came from elsewhere, for a terminal or a page: escape sequences, of one byte (C1) or more, do not reach it, nor what turns the order of
 * what follows around (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters). Line ends and tabs stay.
 */
export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "?");
}

/** JSON for a terminal and for programs alike: what JSON lets stand as it is, of one byte (C1), is written as an escape, so that the value stays what it was. */
export function jsonWithoutControls(json: string): string {
  return json.replace(/[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/** Whether a name would not stay on one line, or do more than be read. */
export function hasControls(name: string): boolean {
  return CONTROLS.test(name);
}

/** A name on one line: as it is, or, with controls in it, quoted as JSON does. */
export function quoteControls(name: string): string {
  return hasControls(name) ? jsonWithoutControls(JSON.stringify(name).replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`)) : name;
}
