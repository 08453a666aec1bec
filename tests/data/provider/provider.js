// An organisation's provider: the certified `oidc-provider` with its own pages, people whom the tests
// choose, and tokens that go wrong as the tests want. It prints its address and obeys what is posted to
// `/-/control`: { people: { id: claims } } or { twist: name }.
import http from 'node:http';
import * as jose from 'jose';
import Provider from 'oidc-provider';

const home = process.env.HOME_URL;
let people = {};
let twist = '';
let [exchanged, described] = [0, 0];

const made = async (kid) => {
  const { privateKey, publicKey } = await jose.generateKeyPair('RS256', { extractable: true });
  const of = async (key) => ({ ...(await jose.exportJWK(key)), kid, alg: 'RS256', use: 'sig' });
  return { kid, privateKey, private: await of(privateKey), public: await of(publicKey) };
};
const [own, next, foreign] = [await made('own'), await made('next'), await made('own')];

// A token as it should be, but for one thing.
const twisted = async (token) => {
  const claims = jose.decodeJwt(token);
  const now = Math.floor(Date.now() / 1000);
  const wrong = {
    audience: { aud: 'somebody-else' },
    audiences: { aud: ['vekha', 'somebody-else'] },
    party: { azp: 'somebody-else' },
    nonce: { nonce: 'another' },
    issuer: { iss: 'https://id.example.org' },
    expired: { iat: now - 7200, exp: now - 3600 },
    early: { iat: now + 3600, exp: now + 7200 },
    hash: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' },
  };
  const payload = { ...claims, ...wrong[twist] };
  if (twist === 'unsigned') return new jose.UnsecuredJWT(payload).encode();
  if (twist === 'shared') {
    const secret = new TextEncoder().encode(process.env.CLIENT_SECRET);
    return new jose.SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(secret);
  }
  const key = { signature: foreign, rotated: next }[twist] ?? own;
  return new jose.SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: key.kid }).sign(key.privateKey);
};

const server = http.createServer();
server.listen(Number(process.env.PORT), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'vekha',
      client_secret: process.env.CLIENT_SECRET,
      redirect_uris: [`${home}/sign-in/oidc/callback`],
      post_logout_redirect_uris: [`${home}/sign-in/oidc/out`],
    }],
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    jwks: { keys: [own.private] },
    cookies: { keys: ['only for tests'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  });
  provider.use(async (ctx, then) => {
    await then();
    if (ctx.path === '/jwks' && twist === 'rotated') ctx.body = { keys: [own.public, next.public] };
    if (ctx.path === '/token') exchanged += 1;
    if (ctx.path === '/.well-known/openid-configuration') described += 1;
    if (ctx.path === '/token' && ctx.body?.id_token && twist) {
      ctx.body.id_token = await twisted(ctx.body.id_token);
    }
    if (ctx.path === '/token' && twist === 'down') {
      ctx.status = 502;
      ctx.type = 'html';
      ctx.body = '<h1>Bad gateway</h1>';
    }
    if (ctx.path === '/me' && twist === 'silent') ctx.status = 500;
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (request.url !== '/-/control') return answer(request, response);
    let text = '';
    request.on('data', (part) => { text += part; });
    request.on('end', () => {
      const said = JSON.parse(text);
      people = said.people ?? people;
      twist = said.twist ?? twist;
      response.end(JSON.stringify({ exchanged, described }));
    });
  });
  console.log(issuer);
});
