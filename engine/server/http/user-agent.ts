const LETTERS_MAX = 1024;

/** What a client says that it is, as upstream's logs and spans show it. */
export function shownUserAgent(userAgent: string): string {
  return userAgent.length > LETTERS_MAX ? `${userAgent.slice(0, LETTERS_MAX)}...TRUNCATED` : userAgent;
}
