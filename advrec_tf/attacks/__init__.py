"""Attacks on a recommender's data: fake profiles, click fraud, their injection and victims."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "campaign": ["CampaignAttack"],
        "click_fraud": ["ClickFarm", "CopiedSessions", "PacedBots", "ScriptedBots"],
        "copies": ["CopyAttack"],
        "gan": ["aush", "legup"],
        "gradient": ["pga", "revadv"],
        "heuristic": [
            "AverageAttack",
            "BandwagonAttack",
            "LoveHateAttack",
            "PopularAttack",
            "RandomAttack",
            "ReverseBandwagonAttack",
            "SegmentAttack",
        ],
        "injection": ["Poisoned", "inject"],
        "registry": ["ATTACKS"],
        "sequential.camouflage": ["Camouflage"],
        "sequential.co_visitation": ["CoVisitation"],
        "sequential.injection": ["inject_histories"],
        "sequential.pollution": ["Goal", "ProfilePollution"],
        "sequential.session_flooding": ["SessionFlooding"],
        "sequential.transition_poisoning": ["TransitionPoisoning"],
        "victims": ["VICTIMS"],
    },
)
