//! A device that holds passkeys and answers as browsers have it answer; it lies where a test wants it to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What a device says of itself with each answer, as bits.
mod flags {
    pub const PRESENT: u8 = 1;
    pub const VERIFIED: u8 = 4;
    pub const MADE: u8 = 0x40;
}

/// A passkey on somebody's device.
#[derive(Clone)]
pub struct Authenticator {
    id: Vec<u8>,
    key: SigningKey,
    /// Whose it is, as the site has said.
    pub user: String,
    /// How often it has been used.
    pub counter: u32,
}

/// What an answer says.
#[derive(Debug, Clone)]
pub struct Said {
    /// Which pages asked for it.
    pub origin: String,
    /// For which name.
    pub site: String,
    /// With what it was asked, base64url.
    pub challenge: String,
    /// Whether the person was seen by the device.
    pub is_verified: bool,
    /// Whose passkey it is.
    pub user: String,
    /// How often the passkey has been used.
    pub counter: u32,
}

impl Authenticator {
    /// Makes a passkey, as a page of this origin asks for it. Returns it with the browser's answer.
    ///
    /// # Panics
    /// When what is asked is nothing that a browser understands.
    pub fn make(device: &str, options: &Value, origin: &str) -> (Self, String) {
        Authenticator::make_as(device, options, origin, |_| {})
    }

    /// The same with what the answer says changed.
    ///
    /// # Panics
    /// When what is asked is nothing that a browser understands.
    pub fn make_as(
        device: &str,
        options: &Value,
        origin: &str,
        lie: impl Fn(&mut Said),
    ) -> (Self, String) {
        let takes = |known: &Value| known["alg"] == -7 && known["type"] == "public-key";
        let algorithms = options["pubKeyCredParams"].as_array().expect("algorithms");
        assert!(algorithms.iter().any(takes), "{options}");
        let selection = &options["authenticatorSelection"];
        assert_eq!(selection["residentKey"], "required", "{options}");
        assert_eq!(selection["userVerification"], "required", "{options}");
        let id = Sha256::digest(device).to_vec();
        let key = SigningKey::from_slice(&Sha256::digest(&id)).expect("a key");
        let user = text(&options["user"]["id"]);
        let made = Authenticator { id, key, user: user.clone(), counter: 1 };
        let mut said = Said {
            origin: origin.to_owned(),
            site: text(&options["rp"]["id"]),
            challenge: text(&options["challenge"]),
            is_verified: true,
            user,
            counter: 1,
        };
        lie(&mut said);
        let client = client("webauthn.create", &said);
        let mut data = authenticator_data(&said, flags::MADE);
        data.extend([0; 16]);
        data.extend(u16::try_from(made.id.len()).expect("a short id").to_be_bytes());
        data.extend(&made.id);
        data.extend(made.public_key());
        // A map of the format, which is none, an empty statement, and the data; CBOR.
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("a short answer"));
        object.extend(data);
        let answer = json!({
            "id": URL_SAFE_NO_PAD.encode(&made.id),
            "rawId": URL_SAFE_NO_PAD.encode(&made.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "attestationObject": URL_SAFE_NO_PAD.encode(object),
                "transports": ["internal"],
            },
        });
        (made, answer.to_string())
    }

    /// A passkey of the same id whose key is another one.
    ///
    /// # Panics
    /// Never: any 32 bytes that are drawn so make a key.
    pub fn forged(&self) -> Self {
        let key = SigningKey::from_slice(&Sha256::digest(b"forged")).expect("a key");
        Authenticator { key, ..self.clone() }
    }

    /// Uses the passkey, as a page of this origin asks for it. Returns the browser's answer.
    ///
    /// # Panics
    /// When what is asked is nothing that a browser understands.
    pub fn show(&mut self, options: &Value, origin: &str) -> String {
        self.show_as(options, origin, |_| {})
    }

    /// The same with what the answer says changed.
    ///
    /// # Panics
    /// When what is asked is nothing that a browser understands.
    pub fn show_as(&mut self, options: &Value, origin: &str, lie: impl Fn(&mut Said)) -> String {
        assert_eq!(options["userVerification"], "required", "{options}");
        // Nobody has said who they are.
        assert!(options["allowCredentials"].as_array().is_none_or(Vec::is_empty), "{options}");
        self.counter += 1;
        let mut said = Said {
            origin: origin.to_owned(),
            site: text(&options["rpId"]),
            challenge: text(&options["challenge"]),
            is_verified: true,
            user: self.user.clone(),
            counter: self.counter,
        };
        lie(&mut said);
        let client = client("webauthn.get", &said);
        let data = authenticator_data(&said, 0);
        let mut signed = data.clone();
        signed.extend(Sha256::digest(&client));
        let signature: Signature = self.key.sign(&signed);
        let answer = json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id),
            "rawId": URL_SAFE_NO_PAD.encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "signature": URL_SAFE_NO_PAD.encode(signature.to_der()),
                "userHandle": said.user,
            },
        });
        answer.to_string()
    }

    /// A map of what a key on P-256 is made of; COSE.
    fn public_key(&self) -> Vec<u8> {
        let point = self.key.verifying_key().to_encoded_point(false);
        let mut key = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20".to_vec();
        key.extend(point.x().expect("a point"));
        key.extend(b"\x22\x58\x20");
        key.extend(point.y().expect("a point"));
        key
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

fn client(kind: &str, said: &Said) -> String {
    let Said { challenge, origin, .. } = said;
    format!(
        r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#
    )
}

fn authenticator_data(said: &Said, more: u8) -> Vec<u8> {
    let verified = if said.is_verified { flags::VERIFIED } else { 0 };
    let mut data = Sha256::digest(&said.site).to_vec();
    data.push(flags::PRESENT | verified | more);
    data.extend(said.counter.to_be_bytes());
    data
}
