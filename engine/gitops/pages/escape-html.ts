import { escapeMarkup } from "../../lib/escape-markup.ts";

/** Text as HTML, also for the value of an attribute. */
export function escapeHtml(text: string): string {
  return escapeMarkup(text).replace(/"/g, "&quot;");
}
