// An identity provider for tests: `node provider.mjs PORT REDIRECT_URI SECRET PEOPLE`, where PEOPLE is claims by subject as JSON.
import Provider from "oidc-provider";

const [port, redirectUri, secret, people] = process.argv.slice(2);
const claimsOf = JSON.parse(people);
const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: "runsdash", client_secret: secret, redirect_uris: [redirectUri] }],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...claimsOf[id] }) }),
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
  pkce: { required: () => true },
  cookies: { keys: ["only for tests"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
