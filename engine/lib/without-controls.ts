/** Text that came from elsewhere, for a terminal: escape sequences, of one byte (C1) or more, do not reach it. Line ends and tabs stay. */
export function withoutControls(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "?");
}
