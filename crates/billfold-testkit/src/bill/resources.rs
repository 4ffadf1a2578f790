//! The things that cost: resources with their owner, place, price and tags, fixed by the seed.
//!
//! A resource keeps its attributes for the whole bill, so its rows agree with each other as in a real one.

use super::catalog::{
    AWS_PRODUCTS, AWS_REGIONS, HOSTILE, PROJECTS, Product, QING_PRODUCTS, QING_REGIONS, Region, TAGS,
};
use super::{BillSpec, Provider};
use crate::charge::Tag;
use crate::rng::{Rng, mix};

/// The scales and prices of one resource: `quantity scale + price scale` decimals in every cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pricing {
    pub(super) price_scale: u8,
    pub(super) quantity_scale: u8,
    pub(super) list: i128,
    pub(super) contracted: i128,
    pub(super) committed: i128,
}

/// Something that is billed.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) product: &'static Product,
    pub(super) region: &'static Region,
    pub(super) zone: &'static str,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) account: usize,
    pub(super) project: usize,
    pub(super) tags: Vec<Tag>,
    pub(super) pricing: Pricing,
}

/// An account that uses, and the one that pays for it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) payer_id: String,
    pub(super) payer_name: String,
    pub(super) currency: String,
    pub(super) commitment_id: String,
    pub(super) contract_id: String,
}

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn letters(rng: &mut Rng, prefix: &str, base: usize, n: usize) -> String {
    let mut text = String::from(prefix);
    for _ in 0..n {
        text.push(char::from(LETTERS[rng.below(base as u64) as usize]));
    }
    text
}

fn hex(rng: &mut Rng, prefix: &str, n: usize) -> String {
    letters(rng, prefix, 16, n).to_lowercase()
}

fn account_id(provider: Provider, seed: u64, domain: u64, index: u64) -> String {
    let mut rng = Rng::of(seed, domain, index);
    match provider {
        // Twelve digits; every third begins with zeros, which a reader must keep.
        Provider::Aws if index.is_multiple_of(3) => format!("00{}", letters(&mut rng, "", 10, 10)),
        Provider::Aws => letters(&mut rng, "", 10, 12),
        Provider::QingCloud => letters(&mut rng, "usr-", 62, 8),
    }
}

pub(super) fn accounts(spec: &BillSpec) -> Vec<Account> {
    let payers = u64::from(spec.payers.max(1));
    (0..u64::from(spec.sub_accounts.max(1)))
        .map(|index| {
            let mut rng = Rng::of(spec.seed, 3, index);
            let payer = index % payers;
            let id = account_id(spec.provider, spec.seed, 2, index);
            Account {
                commitment_id: match spec.provider {
                    Provider::Aws => {
                        let guid = hex(&mut rng, "", 12);
                        format!("arn:aws:ec2:us-east-1:{id}:reserved-instances/{guid}")
                    }
                    Provider::QingCloud => letters(&mut rng, "rc-", 62, 8),
                },
                contract_id: letters(&mut rng, "ct-", 62, 8),
                name: format!("account {}", index + 1),
                payer_id: account_id(spec.provider, spec.seed, 1, payer),
                payer_name: format!("Example Holding {}", payer + 1),
                currency: currency_of(spec, index),
                id,
            }
        })
        .collect()
}

fn currency_of(spec: &BillSpec, account: u64) -> String {
    let n = spec.currencies.len().max(1) as u64;
    spec.currencies
        .get((account % n) as usize)
        .cloned()
        .unwrap_or_else(|| String::from("USD"))
}

/// The project names of a bill, in the order of their indices.
pub(super) fn projects(spec: &BillSpec) -> Vec<String> {
    if !spec.project_names.is_empty() {
        return spec.project_names.clone();
    }
    (0..spec.projects as usize)
        .map(|i| {
            PROJECTS
                .get(i)
                .map_or_else(|| format!("project-{}", i + 1), |p| String::from(*p))
        })
        .collect()
}

/// The tags that a bill may carry. QingCloud's are bare ids.
fn tag_of(spec: &BillSpec, choice: usize, rng: &mut Rng) -> Tag {
    let (key, values) = TAGS[choice];
    let value = values[rng.below(values.len() as u64) as usize];
    match spec.provider {
        Provider::Aws => Tag {
            key: String::from(key),
            value: value.map(String::from),
        },
        Provider::QingCloud => {
            let number = mix(choice as u64 * 16 + rng.below(2));
            Tag {
                key: letters(&mut Rng::of(spec.seed, 4, number), "tag-", 62, 8),
                value: None,
            }
        }
    }
}

fn tags(spec: &BillSpec, rng: &mut Rng, hostile: bool) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for _ in 0..rng.below(u64::from(spec.max_tags) + 1) {
        // Two draws, the smaller wins: some keys are common, as with real tags.
        let choice = rng.below(TAGS.len() as u64).min(rng.below(TAGS.len() as u64)) as usize;
        let mut tag = tag_of(spec, choice, rng);
        if hostile && spec.provider == Provider::Aws {
            tag.value = rng.pick(&HOSTILE).map(String::from);
        }
        if tags.iter().all(|t| t.key != tag.key) {
            tags.push(tag);
        }
    }
    tags
}

fn pricing(spec: &BillSpec, product: &Product, rng: &mut Rng) -> Pricing {
    let (low, high) = spec.scales;
    let high = high.clamp(low, 28);
    let scale = low.min(28) + rng.below(u64::from(high - low.min(high)) + 1) as u8;
    let quantity_scale = (scale / 3).min(3);
    let price_scale = scale - quantity_scale;
    // 60 % to 160 % of the base price, then random digits down to the last decimal.
    let micro = i128::from(product.price_micro) * i128::from(600 + rng.below(1001)) / 1000;
    let list = if price_scale >= 6 {
        let grain = 10i128.pow(u32::from(price_scale) - 6);
        micro * grain + i128::from(rng.next()) % grain.max(1)
    } else {
        micro / 10i128.pow(6 - u32::from(price_scale))
    };
    let list = list.max(1);
    let contracted = list * i128::from(85 + rng.below(16)) / 100;
    let committed = contracted * i128::from(55 + rng.below(30)) / 100;
    Pricing {
        price_scale,
        quantity_scale,
        list,
        contracted: contracted.max(1),
        committed,
    }
}

pub(super) fn resource(spec: &BillSpec, n_projects: usize, index: u64) -> Resource {
    let mut rng = Rng::of(spec.seed, 5, index);
    let (products, regions): (&[Product], &[Region]) = match spec.provider {
        Provider::Aws => (&AWS_PRODUCTS, &AWS_REGIONS),
        Provider::QingCloud => (&QING_PRODUCTS, &QING_REGIONS),
    };
    let product = &products[rng.below(products.len() as u64) as usize];
    let region = &regions[rng
        .below(regions.len() as u64)
        .min(rng.below(regions.len() as u64)) as usize];
    let zone = rng.pick(region.zones).unwrap_or("");
    let hostile = rng.below(100) < u64::from(spec.hostile_percent);
    let id = match spec.provider {
        _ if product.id_prefix.is_empty() => String::new(),
        Provider::Aws => hex(&mut rng, product.id_prefix, 17),
        Provider::QingCloud => letters(&mut rng, product.id_prefix, 36, 8).to_lowercase(),
    };
    let name = if hostile {
        rng.pick(&HOSTILE).map(String::from).unwrap_or_default()
    } else if id.is_empty() || rng.chance(300) {
        String::new()
    } else {
        format!(
            "{}-{:02}",
            product.resource_type.to_lowercase().replace(' ', "-"),
            index % 100
        )
    };
    Resource {
        product,
        region,
        zone,
        id,
        name,
        account: rng.zipf(u64::from(spec.sub_accounts.max(1))) as usize,
        // One resource in sixteen belongs to no project, where there are projects at all.
        project: if rng.below(16) == 0 {
            n_projects
        } else {
            rng.zipf(n_projects as u64) as usize
        },
        tags: tags(spec, &mut rng, hostile),
        pricing: pricing(spec, product, &mut rng),
    }
}

/// Every tag key that the bill can carry, sorted: the tag columns of a legacy CUR.
pub(super) fn tag_keys(resources: &[Resource]) -> Vec<String> {
    let mut keys: Vec<String> = resources
        .iter()
        .flat_map(|r| r.tags.iter().map(|t| t.key.clone()))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
