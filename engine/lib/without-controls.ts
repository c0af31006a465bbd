/** Text that came from elsewhere, for a terminal: escape sequences, of one byte (C1) or more, do not reach it. Line ends and tabs stay. */
export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "?");
}

/** JSON for a terminal and for programs alike: what JSON lets stand as it is, of one byte (C1), is written as an escape, so that the value stays what it was. */
export function jsonWithoutControls(json: string): string {
  return json.replace(/[\u007f-\u009f]/g, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
