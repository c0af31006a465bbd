const DOMAIN_PART = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const DOMAIN = new RegExp(`^(?:${DOMAIN_PART}(?:\\.${DOMAIN_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PATH = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const NAME_MAX = 255;

/** `nginx` means docker.io/library/nginx:latest, as everywhere. */
export function normaliseImage(image: string): string {
  const { domain, path } = splitDomain(image);
  const full = `${domain}/${path}`;
  return full.includes("@") || full.lastIndexOf(":") > full.lastIndexOf("/") ? full : `${full}:latest`;
}

/** An image's name without its tag and digest. */
export function repositoryOf(image: string): string {
  const [name = ""] = splitOnce(image, "@");
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon < 0 ? name : name.slice(0, colon);
}

/** Why no registry can have an image of this name (https://github.com/distribution/reference); undefined when one could. */
export function imageNameFault(image: string): string | undefined {
  if (/^[a-f0-9]{64}$/.test(image)) return `invalid repository name (${image}), cannot specify 64-byte hexadecimal strings`;
  const { domain, path } = splitDomain(image);
  const [named = "", digest] = splitOnce(path, "@");
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const [name, tag] = colon < 0 ? [named, undefined] : [named.slice(0, colon), named.slice(colon + 1)];
  if (name !== name.toLowerCase()) return `invalid reference format: repository name (${name}) must be lowercase`;
  if (!DOMAIN.test(domain) || !PATH.test(name) || (tag !== undefined && !TAG.test(tag)) || (digest !== undefined && !DIGEST.test(digest)))
    return "invalid reference format";
  return name.length > NAME_MAX ? `repository name must not be more than ${NAME_MAX} characters` : undefined;
}

function splitDomain(image: string): { readonly domain: string; readonly path: string } {
  const [first = "", rest] = splitOnce(image, "/");
  if (rest === undefined) return { domain: "docker.io", path: `library/${image}` };
  const isHost = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  return isHost ? { domain: first, path: rest } : { domain: "docker.io", path: image };
}

function splitOnce(text: string, separator: string): readonly [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
