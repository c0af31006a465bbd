/** Text for where `<`, `>` and `&` have a meaning: HTML outside of attributes, and what is alike. */
export function escapeMarkup(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
