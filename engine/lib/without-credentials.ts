/** A URL without user name, password and token, or a text whose URLs are without them. */
export function withoutCredentials(text: string): string {
  return text.replace(/\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^/\s'"]*@/gi, (whole, scheme: string) => (scheme.toLowerCase() === "ssh://" ? whole : scheme));
}
