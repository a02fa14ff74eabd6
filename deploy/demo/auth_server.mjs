// A real OpenID provider on loopback: discovery, JWKS, token endpoint (client credentials) and /health.
//
//   node auth_server.mjs PORT KEY_FILE
//
// The signing key is made on the first start and kept in KEY_FILE, so that a server which is killed and revived serves
// the same key under the same kid, as a real one does.
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const [port, keyFile] = process.argv.slice(2);
if (!port || !keyFile) {
  console.error('usage: node auth_server.mjs PORT KEY_FILE');
  process.exit(2);
}

function signingKeys() {
  if (existsSync(keyFile)) return JSON.parse(readFileSync(keyFile, 'utf8'));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' });
  const keys = { keys: [{ ...jwk, use: 'sig', alg: 'RS256', kid: `demo-${randomBytes(4).toString('hex')}` }] };
  writeFileSync(keyFile, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}

const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  jwks: signingKeys(),
  cookies: { keys: [randomBytes(16).toString('hex')] },
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
  clients: [{
    client_id: 'demo', client_secret: 'demo-secret', grant_types: ['client_credentials'],
    redirect_uris: [], response_types: [],
  }],
});

provider.use(async (ctx, next) => {
  if (ctx.path === '/health') {
    ctx.body = { status: 'ok', issuer };
    return;
  }
  await next();
  if (ctx.path === '/jwks') ctx.set('cache-control', 'public, max-age=300');
});

const server = provider.listen(Number(port), '127.0.0.1', () => console.log(`auth server at ${issuer}`));
// Being killed is what a demo auth server is for: leave at once, connections or not.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => { server.close(); process.exit(0); });
}
