/** The authority's certificate: everybody may know it, and a machine reads it before it trusts us with its token. */
export const AUTHORITY_PATH = "/mainstay/v1/ca";
/** Where a node asks for its certificates. */
export const JOIN_PATH = "/mainstay/v1/join";
/** What the cluster's network is, for agents that were not told. */
export const NETWORK_PATH = "/mainstay/v1/network";
/** Where a server asks to become a member of the quorum. */
export const SERVERS_PATH = "/mainstay/v1/servers";
