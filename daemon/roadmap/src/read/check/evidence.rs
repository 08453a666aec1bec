//! Whether methods of assessment name what there is.

use super::Check;
use crate::diagnostic::perhaps;

impl Check<'_> {
    pub(super) fn evidence(&self) {
        let methods: Vec<_> = self.road_map.evidence.values().collect();
        for (place, method) in methods.iter().enumerate() {
            if methods[..place].iter().any(|other| other.from == method.from) {
                let at = format!("evidence/{}/from", method.id);
                let message = format!("с {} года действует уже другая методика", method.from);
                self.error(&at, message, None);
            }
            for direction in &method.directions {
                for (place, one) in direction.activities.iter().enumerate() {
                    let at = format!("evidence/{}/{}/{place}", method.id, direction.id);
                    self.known_activity(&at, &one.activity);
                    for (place, id) in one.components.iter().enumerate() {
                        let known = method.components.iter().map(|component| &component.id);
                        if !known.clone().any(|known| known == id) {
                            let message = format!("составляющей «{id}» в этой методике нет");
                            self.error(&format!("{at}/{place}"), message, perhaps(id, known));
                        }
                    }
                }
            }
        }
    }
}
