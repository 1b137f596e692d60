"""Generative adversarial networks: the base over any two networks, and the published models."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adversarial_loss": ["AdversarialLoss"],
        "attribute_profiles": ["AttributeProfileGAN", "build_attribute_profile_gan"],
        "base": ["GAN"],
        "cfgan": ["CFGAN", "Minibatches", "Scheme", "build_cfgan"],
        "feature_vectors": ["FeatureVectorGAN", "build_feature_vector_gan"],
        "hard_negatives": ["DNSFactorization", "HardNegatives"],
        "health": ["Health", "HealthCheck"],
        "irgan": ["IRGAN", "Selection", "build_irgan"],
        "losses": ["GANLoss", "gan_loss", "gradient_penalty"],
        "profiles": ["ProfileGAN", "build_profile_gan"],
        "sequences": ["SequenceGAN", "build_sequence_gan"],
        "steering": ["steer"],
    },
)
